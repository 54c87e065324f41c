"""The masking explorer in a page, used by keyboard and mouse, against Python."""

import contextlib
import io

import pytest
from widget_site import golden, settle

from pretrain.widgets.masking import TEXT, MaskingExplorer

SHOWN = """() => [...document.querySelectorAll('.pw')[0]
  .querySelectorAll('button.pw-token')]
  .map(cell => [cell.firstChild.textContent, cell.dataset.input,
                cell.getAttribute('aria-pressed') === 'true'])"""


def demo():
    return [
        MaskingExplorer(),
        MaskingExplorer(how="exact", rate=0.3, in_pieces=True, whole_words=True),
        MaskingExplorer(text=""),
        MaskingExplorer(text="word " * 10_000),  # its state gets a file of its own
    ]


def shown(page):
    """What the first widget's cells say: (token, input, scored) each."""
    settle(page)
    return [tuple(cell) for cell in page.evaluate(SHOWN)]


def wanted(**settings):
    result = MaskingExplorer(**settings).result()
    scored = [target is not None for target in result["targets"]]
    return list(zip(result["tokens"], result["inputs"], scored, strict=True))


def counts(widget) -> dict:
    rows = [row.split("\t") for row in widget.locator("tbody").inner_text().split("\n")]
    return {row[0].split()[-1]: row[1:] for row in rows}


def test_golden_cases(open_page):
    """Python and JavaScript make the same of the same seed, in every golden case."""
    page = open_page("masking")
    cases = golden("masking")
    answers = page.evaluate(
        """(states) => states.map(state => pretrainWidgets.widget("masking")
          .compute({...state, _words: pretrainWidgets.model("w0").get("_words")}))""",
        [case["state"] for case in cases],
    )
    assert len(cases) > 30
    for case, got in zip(cases, answers, strict=True):
        want = case["answer"]
        scored = [target is not None for target in want["targets"]]
        assert (got["tokens"], got["inputs"]) == (want["tokens"], want["inputs"])
        assert got["chosen"] == scored, case["state"]
        # the same formula in float64, in another order at most
        assert got["expected"] == pytest.approx(want["expected"], rel=1e-12)
        if want["empty"] is None:
            assert got["empty"] is None
        else:
            assert got["empty"] == pytest.approx(want["empty"], rel=1e-12)


def test_it_opens_with_what_python_computes(open_page):
    page = open_page("masking")
    assert shown(page) == wanted()


@pytest.mark.parametrize(("key", "rate"), [("Home", 0.01), ("End", 1.0)])
def test_the_smallest_and_the_largest_rate_by_keyboard(open_page, key, rate):
    page = open_page("masking")
    page.get_by_role("slider", name="Masking rate").first.press(key)
    assert shown(page) == wanted(rate=rate)
    scored = sum(cell[2] for cell in wanted(rate=rate))
    assert int(counts(page.locator(".pw").first)["scored"][0]) == scored


def test_the_rate_by_mouse(open_page):
    page = open_page("masking")
    slider = page.get_by_role("slider", name="Masking rate").first
    box = slider.bounding_box()
    page.mouse.move(box["x"] + 0.15 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 12, steps=5)
    page.mouse.up()
    rate = float(slider.input_value())
    assert 0.5 < rate < 0.7
    assert shown(page) == wanted(rate=rate)


def test_the_shares_sum_to_one_whatever_is_turned(open_page):
    page = open_page("masking")
    first = page.locator(".pw").first
    first.get_by_role("slider", name="become a random token").press("End")
    assert shown(page) == wanted(split=[0.0, 1.0, 0.0])
    first.get_by_role("slider", name="of these become <mask>").press("End")
    assert shown(page) == wanted(split=[1.0, 0.0, 0.0])
    first.get_by_role("slider", name="of these become <mask>").press("Home")
    assert shown(page) == wanted(split=[0.0, 0.0, 1.0])


@pytest.mark.parametrize("how", ["exact count", "spans"])
def test_other_ways_to_choose(open_page, how):
    page = open_page("masking")
    first = page.locator(".pw").first
    first.get_by_role("radio", name=how).check()
    name = how.split()[0]
    assert shown(page) == wanted(how=name)
    if name == "spans":
        length = first.get_by_role("slider", name="Mean length of a span")
        for key, value in (("End", 10.0), ("Home", 1.0)):
            length.press(key)
            assert shown(page) == wanted(how="spans", length=value)


def test_pieces_and_whole_words(open_page):
    page = open_page("masking")
    first = page.locator(".pw").first
    first.get_by_role("checkbox", name="mask whole words").check()
    settle(page)
    assert "cut long words in pieces to see" in first.inner_text()
    first.get_by_role("checkbox", name="cut long words").check()
    first.get_by_role("slider", name="Masking rate").fill("0.5")
    assert shown(page) == wanted(in_pieces=True, whole_words=True, rate=0.5)


def test_seed_and_resample(open_page):
    page = open_page("masking")
    first = page.locator(".pw").first
    first.get_by_role("button", name="Resample").click()
    assert shown(page) == wanted(seed=2)
    first.get_by_role("spinbutton", name="Seed").fill("4294967295")
    assert shown(page) == wanted(seed=4294967295)
    first.get_by_role("button", name="Resample").press("Enter")
    assert shown(page) == wanted(seed=0)
    seed = first.get_by_role("spinbutton", name="Seed")
    seed.fill("-1")  # not a seed: it is marked and nothing changes
    assert seed.get_attribute("aria-invalid") == "true"
    assert shown(page) == wanted(seed=0)


def test_tokens_are_masked_by_hand(open_page):
    """By mouse, and with the arrow keys from the one token that Tab stops at."""
    page = open_page("masking")
    first = page.locator(".pw").first
    first.locator("button.pw-token").nth(2).click()
    assert shown(page) == wanted(by_hand=[2])
    assert first.locator("button.pw-token[tabindex='0']").count() == 1
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    assert shown(page) == wanted(by_hand=[2, 3])
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    assert shown(page) == wanted(by_hand=[0, 2, 3])
    first.get_by_role("button", name="Undo marks by hand").click()
    assert shown(page) == wanted()
    for i, cell in enumerate(wanted()):
        if cell[2]:
            first.locator("button.pw-token").nth(i).click()
    settle(page)
    assert "Nothing is scored: the loss would have no mean." in first.inner_text()


def test_counts_and_the_chance_of_an_empty_mask(open_page):
    page = open_page("masking")
    first = page.locator(".pw").first
    table = counts(first)
    # 17 tokens at 15 %: 17 · 0.15 + 0.85^17 = 2.61, ± sqrt(17 · 0.15 · 0.85)
    assert table["scored"] == ["3", "2.6 ± 1.5"]
    assert table["ignored"] == ["14", "14.4"]
    assert f"17 tokens draw an empty mask: {100 * 0.85**17:.1f} %" in first.inner_text()


def test_the_copied_python_gives_what_is_shown(open_page):
    page = open_page("masking")
    first = page.locator(".pw").first
    for act in (
        lambda: first.get_by_role("button", name="Resample").click(),
        lambda: first.locator("button.pw-token").nth(1).click(),
        lambda: first.get_by_role("radio", name="spans").check(),
        lambda: first.get_by_label("Text").fill('Say "cat" — \\n 🎉 né'),
    ):
        act()
        cells = shown(page)
        code = first.locator("textarea.pw-code").input_value()
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(code, {})
        inputs, targets = map(eval, out.getvalue().splitlines())
        assert inputs[1:] == [cell[1] for cell in cells]
        assert [target != -100 for target in targets[1:]] == [cell[2] for cell in cells]


def test_where_the_clipboard_is_closed_the_code_can_be_selected(open_page):
    """On a page from the disk; where it is open, the clipboard holds the code."""
    page = open_page("masking", permissions=["clipboard-read", "clipboard-write"])
    first = page.locator(".pw").first
    first.get_by_role("button", name="Copy as Python").click()
    first.get_by_text("Copied.").wait_for()
    code = first.locator("textarea.pw-code").input_value()
    assert page.evaluate("navigator.clipboard.readText()") == code
    page.evaluate(
        """() => {
          navigator.clipboard.writeText = () => Promise.reject("closed");
        }"""
    )
    first.get_by_role("button", name="Copy as Python").click()
    first.get_by_text("to copy the selected code").wait_for()
    assert page.evaluate("getSelection().toString()") == code


def test_bad_text_is_told(open_page):
    page = open_page("masking")
    first, empty = page.locator(".pw").first, page.locator(".pw").nth(2)
    assert "There is no token to mask: type a text." in empty.inner_text()
    text = first.get_by_label("Text")
    text.fill(" \n ")
    assert shown(page) == []
    assert "There is no token to mask" in first.inner_text()
    emoji = "👩‍🚀 🎉 e\u0301"
    text.fill(emoji)
    assert [cell[1:] for cell in shown(page)] == [c[1:] for c in wanted(text=emoji)]
    text.fill("word " * 10_000)
    assert len(shown(page)) == 400
    assert "The first 400 of 10,000 tokens are shown" in first.inner_text()
    scored = sum(cell[2] for cell in wanted(text="word " * 10_000))
    assert counts(first)["scored"][0] == f"{scored:,}"
    text.fill(TEXT)
    assert shown(page) == wanted()


def test_two_widgets_do_not_disturb_each_other(open_page):
    page = open_page("masking")
    other = page.locator(".pw").nth(1)
    before = other.inner_text()
    page.get_by_role("slider", name="Masking rate").first.press("End")
    assert shown(page) == wanted(rate=1.0)
    assert other.inner_text() == before


def test_it_follows_what_python_sets(open_page):
    """In a notebook the kernel sets a trait: the controls and the tokens follow."""
    page = open_page("masking")
    page.evaluate(
        """() => {
          pretrainWidgets.model("w0").set("rate", 0.5);
          pretrainWidgets.model("w0").set("how", "exact");
        }"""
    )
    assert shown(page) == wanted(rate=0.5, how="exact")
    first = page.locator(".pw").first
    assert first.get_by_role("slider", name="Masking rate").input_value() == "0.5"
    assert first.get_by_role("radio", name="exact count").is_checked()


def test_a_screen_reader_is_told_what_a_change_did(open_page):
    page = open_page("masking")
    status = page.get_by_role("status").first
    assert status.inner_text() == ""  # nothing is said before anything happens
    page.get_by_role("slider", name="Masking rate").first.press("End")
    page.wait_for_function(
        "document.querySelector('.pw [role=status]').textContent !== ''"
    )
    assert status.inner_text().startswith("17 of 17 tokens scored")
