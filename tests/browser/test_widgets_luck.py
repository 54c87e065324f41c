"""Better or luck in a page: the same tests as Python's, and every knob turned."""

import pytest
from widget_site import golden, settle

from pretrain.widgets.luck import SIZES, TESTS, BetterOrLuck

CELLS = """() => [...document.querySelector('.pw').querySelectorAll('tbody tr')]
  .map(row => [...row.children].map(cell => cell.textContent))"""
NAMES = {"A": "a", "B": "b", "B − A, paired": "paired", "B − A, unpaired": "unpaired"}
KINDS = {
    "A leads": "a_leads",
    "equal": "equal",
    "B leads": "b_leads",
    "paired interval below 0": "a_shown",
    "paired interval above 0": "b_shown",
}


def demo():
    return [
        BetterOrLuck(),
        BetterOrLuck(questions=14_042, lead=0.1, alike=1.0, versions=20),
        BetterOrLuck(questions=50, lead=0.0, alike=1.0),
    ]


def number(text: str) -> float:
    return float(text.replace("−", "-").removesuffix(" %"))


def check(page, **settings):
    settle(page)
    rows = {row[0]: row[1:] for row in page.evaluate(CELLS)}
    result = BetterOrLuck(**settings).result()
    for name, key in NAMES.items():
        score, interval = rows[name]
        shown = [number(x) for x in [score, *interval.split(" to ")]]
        told = [100 * result[key][k] for k in ("value", "low", "high")]
        assert shown == pytest.approx(told, abs=0.0501), name  # shown to a tenth
    for name, key in KINDS.items():
        share = 100 * result["tests"][key] / TESTS
        assert number(rows[name][0]) == pytest.approx(share, abs=0.0501)


def test_golden_cases(open_page):
    """The very same numbers: both sides add, multiply and divide in one order."""
    page, cases = open_page("luck"), golden("luck")
    answers = page.evaluate(
        "states => states.map(pretrainWidgets.widget('luck').compute)",
        [case["state"] for case in cases],
    )
    for case, got in zip(cases, answers, strict=True):
        assert got == case["answer"], case["state"]


def test_by_keyboard_and_mouse(open_page):
    page = open_page("luck")
    first = page.locator(".pw").first
    check(page)
    assert "the worse one leads in" in first.inner_text()
    settings = {}
    for name, key, trait, value in (
        ("B's true lead", "End", "lead", 0.1),
        ("B's true lead", "Home", "lead", -0.1),
        ("True accuracy", "Home", "accuracy", 0.2),
        ("True accuracy", "ArrowRight", "accuracy", 0.21),
        ("equally hard", "End", "alike", 1.0),
        ("equally hard", "ArrowLeft", "alike", 0.95),
        ("Versions of B", "ArrowRight", "versions", 2),
        ("Questions", "Home", "questions", 50),
        ("Questions", "End", "questions", max(SIZES)),
    ):
        first.get_by_role("slider", name=name).first.press(key)
        settings[trait] = value
        check(page, **settings)
    first.get_by_role("button", name="Another test").press("Enter")
    check(page, test=1, **settings)
    assert "Test 2:" in first.inner_text()
    lead = first.get_by_role("slider", name="B's true lead")
    box = lead.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    check(page, test=1, **settings | {"lead": float(lead.input_value()) / 100})
    assert "every lead is luck" in first.inner_text()


def test_extremes(open_page):
    page = open_page("luck")
    best, same = page.locator(".pw").nth(1), page.locator(".pw").nth(2)
    assert "The best of 20 B's leads by" in best.inner_text()
    assert "it says that B is better" in best.inner_text()
    assert "B and A have the same score" in same.inner_text()
    assert "100.0 %" in same.inner_text()  # equal in all tests
    for text in page.locator(".pw").all_inner_texts():
        assert "NaN" not in text and "undefined" not in text
    # the last test is followed by the first
    page.evaluate(f"pretrainWidgets.model('w0').set('test', {TESTS - 1})")
    settle(page)
    first = page.locator(".pw").first
    assert f"Test {TESTS:,}:" in first.inner_text()
    first.get_by_role("button", name="Another test").click()
    settle(page)
    assert "Test 1:" in first.inner_text()
