"""Shannon's game in a page: played by keyboard and mouse, against Python's bounds."""

import pytest
from widget_site import golden, settle

from pretrain.widgets.guessing import GuessNextLetter

TEXTS = ["The old cat slept under the warm chair by the river.", "A café, isn't it?"]
RANKS = [[(3 * i * i) % 5 + 1 for i in range(51)], [1] * 14]
PLAYED = """() => [...document.querySelector('.pw')
  .querySelectorAll('.pw-guess-cell:not(.pw-guess-head)')]
  .map(cell => [...cell.children].map(part => part.textContent))"""


def demo():
    long = "abcdefghij " * 10 + "abcdefghij"
    extreme = GuessNextLetter([long[:120]], [[27] * 120], guesses="?" * 120)
    return [GuessNextLetter(TEXTS, RANKS), extreme]


def check(page, guesses, text=0):
    """Ranks below the letters and bounds in the table are Python's."""
    settle(page)
    widget = GuessNextLetter(TEXTS, RANKS, text=text, guesses=guesses)
    result = widget.result()
    ranks, letters = result["ranks"], widget.texts[text]
    wanted = [
        [letter.replace(" ", "␣"), str(rank), str(RANKS[text][i])]
        for i, (letter, rank) in enumerate(zip(letters, ranks, strict=False))
    ]
    if len(ranks) < len(letters):
        wanted.append(["▢", "", ""])
    assert page.evaluate(PLAYED) == wanted
    rows = page.locator(".pw").first.locator("tbody tr").all_inner_texts()
    for row, who in zip(rows, ("reader", "model"), strict=False):
        cells = row.split("\t")
        if result[who] is None:
            assert cells[1:] == ["–"] * 4
        else:
            lower, upper, bias = result[who].values()
            assert cells[3:] == [f"{lower:.2f}", f"{upper:.2f} + {bias:.2f}"]
    return page.locator(".pw-guess-told").first.inner_text()


def test_golden_cases(open_page):
    page, cases = open_page("guessing"), golden("guessing")
    answers = page.evaluate(
        "states => states.map(pretrainWidgets.widget('guessing').compute)",
        [case["state"] for case in cases],
    )
    for case, got in zip(cases, answers, strict=True):
        want = case["answer"]
        assert (got["ranks"], got["tried"]) == (want["ranks"], want["tried"])
        for who in ("reader", "model"):
            # the file has 12 digits after the point
            assert got[who] == (want[who] and pytest.approx(want[who], abs=2e-12))


def test_typed(open_page):
    page = open_page("guessing")
    first = page.locator(".pw").first
    assert check(page, "") == "Letter 1 of 51: there is nothing before it."
    field = first.get_by_label("Type a letter or a blank")
    field.focus()
    page.keyboard.type("a")
    assert check(page, "a") == "Not a."
    page.keyboard.type("aTh")  # a second time is no guess; capitals are letters
    assert check(page, "ath") == "Right: h, at guess 1; the model needed 4."
    page.keyboard.type("é! old")
    assert check(page, "athe old").startswith("Right: d, at guess 1")
    assert field.input_value() == ""
    page.keyboard.press("Backspace")
    assert check(page, "athe ol").startswith("Right: l, at guess 1")
    field.fill("👩‍🚀 9")  # of these the blank alone is a guess
    assert check(page, "athe ol ") == "Not the blank."


def test_by_the_letters_and_by_reveal(open_page):
    page = open_page("guessing")
    first = page.locator(".pw").first
    first.get_by_role("button", name="t", exact=True).click()
    assert check(page, "t").startswith("Right: t")
    page.keyboard.press("ArrowRight")  # from t to y
    page.keyboard.press("Enter")
    assert check(page, "ty") == "Not y."
    used = first.get_by_role("button", name="y", exact=True)
    assert used.get_attribute("aria-disabled") == "true"
    page.keyboard.press("Enter")
    check(page, "ty")
    reveal = first.get_by_role("button", name="Reveal the letter")
    reveal.press("Enter")
    assert check(page, "ty?").startswith("It was h, at guess")
    first.get_by_role("button", name="Undo").click()
    assert check(page, "ty") == "Not y."
    first.get_by_role("button", name="Restart").click()
    check(page, "")
    assert first.get_by_role("button", name="Undo").is_disabled()
    first.get_by_label("Text").select_option("1")
    for _ in range(14):
        reveal.click()
    assert check(page, "?" * 14, text=1) == "All 14 letters guessed."
    assert reveal.is_disabled()
    assert first.get_by_label("Type a letter").is_disabled()


def test_the_longest_text_at_its_end(open_page):
    page = open_page("guessing", "phone")
    other = page.locator(".pw").nth(1)
    assert "All 120 letters guessed." in other.inner_text()
    assert "NaN" not in other.inner_text()
