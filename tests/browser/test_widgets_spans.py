"""The span-corruption workbench in a page, by keyboard and mouse, against Python."""

import pytest
from widget_site import golden, settle

from pretrain.widgets.spans import TEXT, SpanWorkbench

SHOWN = """() => [...document.querySelector('.pw').querySelectorAll('.pw-spans-row')]
  .map(row => [...row.querySelectorAll('.pw-spans-token')].map(chip => [
    [...chip.childNodes].filter(n => n.nodeType === 3).map(n => n.data).join('').trim(),
    chip.dataset.kind]))"""


def demo():
    return [SpanWorkbench(), SpanWorkbench(text="one"), SpanWorkbench(rate=0.15)]


def check(page, **settings):
    """The four rows and the counts of the first widget are what Python computes."""
    settle(page)
    first, want = page.locator(".pw").first, SpanWorkbench(**settings).result()
    document, source, target, restored = page.evaluate(SHOWN)
    assert [token for token, _ in document] == want["tokens"][:300]
    assert [kind == "noise" for _, kind in document] == want["noise"][:300]
    assert [token for token, _ in source] == want["source"][:300]
    assert [token for token, _ in target] == want["target"][:300]
    back = want["restored"]
    assert [token for token, _ in restored] == (back or [])[:300]
    sign = "✗" if back is None else "✓" if back == want["tokens"] else "≠"
    assert first.locator(".pw-spans-verdict").inner_text().startswith(sign)
    cells = first.locator("tbody td").all_inner_texts()
    assert [cells[i] for i in (0, 2, 4, 5)] == [
        f"{len(want['tokens']):,}",
        str(want["spans"]),
        f"{len(want['source']):,}",
        f"{len(want['target']):,}",
    ]
    longest, answer = want["fits"]
    assert f"up to {longest:,} tokens fit" in first.inner_text()
    assert f"targets are {answer:,} tokens long" in first.inner_text()
    return first


def test_golden_cases(open_page):
    page, cases = open_page("spans"), golden("spans")
    answers = page.evaluate(
        "states => states.map(pretrainWidgets.widget('spans').compute)",
        [case["state"] for case in cases],
    )
    assert len(cases) > 50
    for case, got in zip(cases, answers, strict=True):
        if case["answer"] is None:
            assert got["error"]
        else:
            assert {key: got[key] for key in case["answer"]} == case["answer"]


@pytest.mark.parametrize(
    ("key", "rate", "mean"), [("Home", 0.01, 1.0), ("End", 0.95, 10.0)]
)
def test_the_smallest_and_the_largest_by_keyboard(open_page, key, rate, mean):
    page = open_page("spans")
    first = check(page)
    first.get_by_role("slider", name="Mean length of a span").press(key)
    check(page, mean_span=mean)
    first.get_by_role("slider", name="Corruption rate").press(key)
    check(page, mean_span=mean, rate=rate)


def test_rate_by_mouse_and_another_draw(open_page):
    page = open_page("spans")
    first = check(page)
    slider = first.get_by_role("slider", name="Corruption rate")
    box = slider.bounding_box()
    page.mouse.move(box["x"] + 0.15 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 12, steps=4)
    page.mouse.up()
    rate = float(slider.input_value())
    assert 0.4 < rate < 0.6
    check(page, rate=rate)
    first.get_by_role("button", name="Resample").click()
    check(page, rate=rate, seed=2)
    first.get_by_role("spinbutton", name="Seed").fill("4294967295")
    check(page, rate=rate, seed=4294967295)


def test_the_way_back_from_an_answer_of_the_reader(open_page):
    page = open_page("spans")
    first = check(page)
    answer = first.get_by_role("textbox", name="Answer, with its sentinels")
    undo = first.get_by_role("button", name="Put the target back")
    target = " ".join(SpanWorkbench().result()["target"])
    assert answer.input_value() == target and not undo.is_enabled()
    other = target.replace("<extra_1>", "🎉 and more <extra_1>")
    answer.fill(other)
    check(page, answer=other)
    filled = [token for token, kind in page.evaluate(SHOWN)[3] if kind == "filled"]
    assert " ".join(filled).count("🎉 and more") == 1
    for wrong in ("", "no sentinel", target.replace("<extra_0>", "<extra_1>")):
        answer.fill(wrong)
        check(page, answer=wrong)
        assert answer.input_value() == wrong  # what is typed stays
    assert "it must hold <extra_0>, <extra_1>" in first.inner_text()
    undo.click()
    check(page)
    assert answer.input_value() == target


def test_bad_text_is_told(open_page):
    page = open_page("spans")
    first, short = page.locator(".pw").first, page.locator(".pw").nth(1)
    assert "There is nothing to corrupt" in short.inner_text()
    text = first.get_by_label("Document", exact=True)
    for odd in ("", " \n", "word"):
        text.fill(odd)
        settle(page)
        assert "There is nothing to corrupt" in first.inner_text()
        assert not first.locator(".pw-spans-row").first.is_visible()
    emoji = "👩‍🚀 🎉 e\u0301 two <extra_0>"
    text.fill(emoji)
    settle(page)
    noise = [kind == "noise" for _, kind in page.evaluate(SHOWN)[0]]
    assert noise == SpanWorkbench(text=emoji).result()["noise"]
    text.fill("word " * 10_000)
    settle(page)
    assert "1000 spans need 1001 sentinels, and there are 100" in first.inner_text()
    first.get_by_role("slider", name="Corruption rate").press("Home")
    check(page, text="word " * 10_000, rate=0.01)
    assert "The first 300 of 10,000 tokens are shown" in first.inner_text()
    text.fill(TEXT)
    check(page, rate=0.01)


def test_python_sets_the_seed(open_page):
    page = open_page("spans")
    page.evaluate("pretrainWidgets.model('w0').set('seed', 9)")
    first = check(page, seed=9)
    assert first.get_by_role("spinbutton", name="Seed").input_value() == "9"
