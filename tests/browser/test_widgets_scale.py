"""The run calculator in a page, against the package."""

import pytest
from widget_site import golden, settle

from pretrain.widgets.scale import RunCalculator

CELLS = """() => [...document.querySelector('.pw').querySelectorAll('tbody tr')]
  .map(row => [...row.children].map(cell => cell.textContent))"""
STATE = """names => Object.fromEntries(
  names.map(name => [name, pretrainWidgets.model('w0').get(name)]))"""
EDGES = """() => [...document.querySelector('.pw-scale-bar').children]
  .map(part => part.getBoundingClientRect()).map(box => [box.left, box.width])"""
TRAITS = list(RunCalculator.class_own_traits(sync=True))


def demo():
    big = dict(parameters=1e12, tokens=1e14, chips=100_000, rows=64, length=131_072)
    small = dict(parameters=1e7, tokens=1e8, chips=1, rows=1, length=512, price=0.0)
    return [RunCalculator(), RunCalculator(**big), RunCalculator(**small)]


def near(value):
    if isinstance(value, dict):
        return {key: near(each) for key, each in value.items()}
    if isinstance(value, list):
        return [near(each) for each in value]
    # 12 digits are in the file
    return pytest.approx(value, rel=1e-11) if isinstance(value, float) else value


def check(page) -> dict:
    """What the page shows is what Python says of the page's state."""
    settle(page)
    state = page.evaluate(STATE, TRAITS)
    want = RunCalculator(**state).result()
    got = page.evaluate("s => pretrainWidgets.widget('scale').compute(s)", state)
    assert got == near(want)
    rows = page.evaluate(CELLS)
    for row, size in zip(rows, [*want["memory"].values(), want["total"]], strict=True):
        shown = float(row[2].replace(",", ""))
        assert shown == pytest.approx(size / 1e9, rel=0.006)  # three figures
    text = page.locator(".pw").first.inner_text()
    assert "NaN" not in text and "undefined" not in text
    # not in the whole text: the voice for screen readers lags behind on purpose
    verdict = page.locator(".pw-scale-fits").first.inner_text()
    assert verdict.startswith("● It fits" if want["fits"] else "○ It does not fit")
    # the bar is as long as its parts, and the chip's mark stands at its memory
    edges = page.evaluate(EDGES)
    left = edges[0][0]
    scale = page.locator(".pw-scale-bar").first.bounding_box()["width"]
    most = max(want["total"], want["card"])
    for (_, width), size in zip(edges, want["memory"].values(), strict=False):
        assert width == pytest.approx(scale * size / most, abs=1.0)  # a pixel
    assert edges[-1][0] - left == pytest.approx(scale * want["card"] / most, abs=1.0)
    return want


def test_golden_cases(open_page):
    page, cases = open_page("scale"), golden("scale")
    answers = page.evaluate(
        "states => states.map(pretrainWidgets.widget('scale').compute)",
        [case["state"] for case in cases],
    )
    for case, got in zip(cases, answers, strict=True):
        assert got == near(case["answer"])


def test_by_keyboard_and_mouse(open_page):
    page = open_page("scale", reduced_motion="reduce")
    first = page.locator(".pw").first
    check(page)
    assert "The states alone are too large." in first.inner_text()
    first.get_by_role("checkbox", name="states cut up").press("Space")
    assert check(page)["fits"]
    rows = first.get_by_role("slider", name="Rows B")
    for _ in range(4):
        rows.press("ArrowRight")
    assert check(page)["step"] == 8 * 2048 * 64
    assert "The blocks keep most" in first.inner_text()
    first.get_by_role("checkbox", name="second time").press("Space")
    assert check(page)["mfu"] == pytest.approx(0.3)
    assert "30 % of the peak are useful" in first.inner_text()
    first.get_by_label("Vocabulary V").select_option("128000")
    first.get_by_role("checkbox", name="loss in chunks").press("Space")
    check(page)
    for name, ends in (("Weights N", (1e7, 1e12)), ("Tokens", (1e8, 1e14))):
        slider = first.get_by_role("slider", name=name)
        for key, value in zip(("Home", "End"), ends, strict=True):
            slider.press(key)
            trait = name.split()[0].lower().replace("weights", "parameters")
            check(page)
            assert page.evaluate(STATE, [trait]) == {trait: value}
        slider.press("ArrowLeft")
        assert page.evaluate(STATE, [trait])[trait] < value
        check(page)
    box = slider.bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + box["height"] / 2)
    check(page)
    assert 3e10 < page.evaluate(STATE, ["tokens"])["tokens"] < 3e11


def test_numbers_that_are_typed(open_page):
    page = open_page("scale", reduced_motion="reduce")
    first = page.locator(".pw").first
    price = first.get_by_label("Dollars a chip-hour")
    price.fill("3.75")
    want = check(page)
    assert want["dollars"] == pytest.approx(3.75 * want["hours"])
    chips = first.get_by_label("Number of chips")
    for bad in ("0", "1.5", "", "1e9"):
        chips.fill(bad)
        assert chips.get_attribute("aria-invalid") == "true"
        assert check(page)["days"] == want["days"]
    chips.fill("1")
    assert check(page)["days"] == pytest.approx(64 * want["days"])
    assert "1 H100," in first.inner_text()


def test_starts(open_page):
    page = open_page("scale", reduced_motion="reduce")
    first = page.locator(".pw").first
    first.get_by_role("button", name="LLaMA-65B").press("Enter")
    assert check(page)["days"] == pytest.approx(21, abs=0.5)
    first.get_by_role("button", name="Llama 3 405B").click()
    found = check(page)
    assert found["operations"] == pytest.approx(3.8e25, rel=0.01)
    first.get_by_role("button", name="7 billion").press("Enter")
    settle(page)
    state = page.evaluate(STATE, TRAITS)
    assert state == {name: getattr(RunCalculator(), name) for name in TRAITS}


def test_extremes_are_told(open_page):
    page = open_page("scale")
    for i in (1, 2):
        text = page.locator(".pw").nth(i).inner_text()
        assert "NaN" not in text and "e+" not in text and "Infinity" not in text
