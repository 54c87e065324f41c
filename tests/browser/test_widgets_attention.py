"""The attention-pattern explorer in a page, against `pretrain.attention`'s masks."""

import pytest
from widget_site import golden, settle

from pretrain.widgets.attention import AttentionExplorer

GRID = """() => [...document.querySelector('.pw').querySelectorAll('tbody tr')]
  .map(row => [...row.querySelectorAll('td')].map(cell => cell.dataset.kind))"""


def demo():
    return [AttentionExplorer(), AttentionExplorer(text=""), AttentionExplorer(k=0)]


def shown(page):
    settle(page)
    return page.evaluate(GRID)


def wanted(**settings):
    result = AttentionExplorer(**settings).result()
    kinds = {("0", "0"): "none", ("1", "0"): "seen", ("1", "1"): "leak"}
    return [
        [kinds[pair] for pair in zip(seen, leaks, strict=True)]
        for seen, leaks in zip(result["seen"], result["leaks"], strict=True)
    ]


def test_golden_cases(open_page):
    page, cases = open_page("attention"), golden("attention")
    answers = page.evaluate(
        "states => states.map(pretrainWidgets.widget('attention').compute)",
        [case["state"] for case in cases],
    )
    assert len(cases) > 30
    for case, got in zip(cases, answers, strict=True):
        assert {key: got[key] for key in case["answer"]} == case["answer"]


def test_each_pattern_and_task(open_page):
    page = open_page("attention")
    first = page.locator(".pw").first
    assert shown(page) == wanted()
    for task in ("next", "masked", "prefix"):
        first.get_by_role("combobox", name="What is learned").select_option(task)
        for pattern, name in (("full", "full"), ("prefix", "prefix, then causal")):
            first.get_by_role("radio", name=name, exact=True).check()
            assert shown(page) == wanted(pattern=pattern, task=task)
    first.get_by_role("checkbox", name="only inside a document").check()
    assert shown(page) == wanted(pattern="prefix", task="prefix", by_document=True)
    assert "none of them leaks" in first.inner_text()


@pytest.mark.parametrize(("key", "k", "width"), [("Home", 0, 1), ("End", 16, 16)])
def test_smallest_and_largest_by_keyboard(open_page, key, k, width):
    page = open_page("attention")
    first = page.locator(".pw").first
    first.get_by_role("radio", name="prefix, then causal").check()
    settle(page)
    first.get_by_role("slider", name="Length of the prefix").press(key)
    assert shown(page) == wanted(pattern="prefix", k=k)
    first.get_by_role("checkbox", name="sliding window").check()
    settle(page)
    first.get_by_role("slider", name="Width of the window").press(key)
    assert shown(page) == wanted(pattern="prefix", k=k, windowed=True, width=width)


def test_a_query_is_told_by_pointer_and_by_key(open_page):
    page = open_page("attention")
    first = page.locator(".pw").first
    told = first.locator(".pw-attention-told")
    assert told.inner_text().startswith("Position 6, “bank”, sees 7 of 10 keys")
    assert "“The” “bank” “was” “steep” “.” belong to another document" in (
        told.inner_text()
    )
    first.locator("tbody tr").nth(1).hover()
    assert told.inner_text() == (
        "Position 1, “bank”, sees 2 of 10 keys: “The” “bank”. No leak here."
    )
    page.mouse.move(0, 0)
    assert told.inner_text().startswith("Position 6")
    first.locator("tbody input").nth(6).focus()
    page.keyboard.press("ArrowDown")
    settle(page)
    assert told.inner_text().startswith("Position 7, “was”")
    first.get_by_role("radio", name="full", exact=True).check()
    first.locator("tbody tr").nth(2).click()
    settle(page)
    assert "“steep” is the very token that this position has to predict" in (
        told.inner_text()
    )
    assert "“.” comes later in the text" in told.inner_text()


def test_bad_text_is_told(open_page):
    page = open_page("attention")
    first, empty = page.locator(".pw").first, page.locator(".pw").nth(1)
    assert "There is no token in the row" in empty.inner_text()
    text = first.get_by_label("Row of tokens")
    for odd in ("| |", "👩‍🚀 | 🎉", "one", "word " * 10_000):
        text.fill(odd)
        settle(page)
        if odd == "| |":
            assert "There is no token in the row" in first.inner_text()
            assert not first.locator("table").is_visible()
        else:
            assert shown(page) == wanted(text=odd)
    assert "The first 16 of 10,000 tokens are shown." in first.inner_text()
