"""The results of the sweep in a page: measure, split, rate and table."""

import pytest
from rate_summaries import summary
from widget_site import golden, settle

from pretrain.widgets.masking_rate import MaskingRateResults

CELLS = """() => [...document.querySelector('.pw').querySelectorAll('tbody tr')]
  .map(row => [...row.children].map(cell => cell.textContent))"""


def demo():
    one = summary(1, splits=("mask",), rates=(0.15,))
    return [MaskingRateResults(summary()), MaskingRateResults(one)]


def number(x):
    return f"{x:.3f}".replace("-", "−")


def check(page, **settings):
    """The told point and the table are those of Python."""
    settle(page)
    widget = MaskingRateResults(summary(), **settings)
    told = page.locator(".pw-rate-told").first.inner_text()
    wanted = []
    for split, found in widget.result().items():
        name = {"mask": "all <mask>", "bert": "80/10/10"}[split]
        cell = found["told"]
        low, high = number(cell["low"]), number(cell["high"])
        assert f"{name}: {number(cell['mean'])} [{low}, {high}]" in told
        if widget.rate != 0.15:
            mean = cell["difference"][0]
            assert f"; {'+' if mean > 0 else ''}{number(mean)} [" in told
        for point in found["points"]:
            wanted.append([f"{point['rate']:.0%}".replace("%", " %"), name,
                           number(point["mean"])])
    assert [row[:3] for row in page.evaluate(CELLS)] == wanted


def test_golden_cases(open_page):
    page, cases = open_page("masking_rate"), golden("masking_rate")
    answers = page.evaluate(
        "states => states.map(pretrainWidgets.widget('masking_rate').compute)",
        [case["state"] for case in cases],
    )
    assert answers == [case["answer"] for case in cases]  # nothing is computed anew


def test_by_keyboard_and_mouse(open_page):
    page = open_page("masking_rate")
    first = page.locator(".pw").first
    check(page)
    slider = first.get_by_role("slider", name="Masking rate in training")
    for key, rate in (("End", 0.8), ("ArrowLeft", 0.6), ("Home", 0.1)):
        slider.press(key)
        check(page, rate=rate)
    first.get_by_role("radio", name="80/10/10").check()
    check(page, rate=0.1, shown="bert")
    for measure in ("loss", "excess", "probe", "scored"):
        first.get_by_label("Measure").select_option(measure)
        check(page, rate=0.1, shown="bert", measure=measure)
    first.get_by_role("radio", name="both").check()
    chart = first.locator("svg.pw-rate-chart")
    box = chart.bounding_box()
    page.mouse.click(box["x"] + 0.98 * box["width"], box["y"] + 100)
    check(page, rate=0.8, measure="scored")
    # a mean for each rate and split, as circles of both sizes and squares
    assert chart.locator("polyline").count() == 2
    assert chart.locator("rect").count() == 8
    first.get_by_role("radio", name="table").check()
    settle(page)
    assert first.locator("table").is_visible() and not chart.is_visible()
    check(page, rate=0.8, measure="scored")


def test_one_seed_and_one_rate(open_page):
    page = open_page("masking_rate")
    other = page.locator(".pw").nth(1)
    assert "One seed has no interval" in other.inner_text()
    assert "NaN" not in other.inner_text()
    assert "NaN" not in other.locator("svg.pw-rate-chart").inner_html()


@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_the_chart_is_as_wide_as_its_place(open_page, size):
    page = open_page("masking_rate", size)
    settle(page)
    chart = page.locator("svg.pw-rate-chart").first.bounding_box()
    holder = page.locator(".pw-rate-holder").first.bounding_box()
    assert chart["width"] == pytest.approx(holder["width"], abs=1)
