"""Logits to loss in a page, against the package's own cross-entropy."""

import pytest
from widget_site import golden, settle

from pretrain.widgets.logits import LogitsToLoss

SHOWN = """() => {
  const widget = document.querySelector('.pw');
  const rows = [...widget.querySelectorAll('.pw-logits-row')];
  return {
    probabilities: rows.map(row => Number(row.dataset.probability)),
    gradient: rows.map(row => Number(row.dataset.gradient)),
    loss: Number(widget.dataset.loss),
  };
}"""
START = [2.0, 1.0, 0.5, -1.0, -2.0]


def demo():
    return [LogitsToLoss(), LogitsToLoss(tokens=["a", "🎉"], logits=[0.0, -10.0])]


def close(values):
    # the same formula in float64, summed in another order
    return pytest.approx(values, rel=1e-9, abs=1e-11)


def check(page, **settings):
    settle(page)
    got, want = page.evaluate(SHOWN), LogitsToLoss(**settings).result()
    for name in want:
        assert got[name] == close(want[name]), name
    numbers = page.locator(".pw").first.locator(".pw-probability .pw-logits-number")
    assert numbers.all_inner_texts() == [f"{p:.3f}" for p in want["probabilities"]]
    told = page.locator(".pw-logits-loss").first.inner_text()
    assert f"{want['loss']:.3f} nats" in told


def test_golden_cases(open_page):
    page, cases = open_page("logits"), golden("logits")
    answers = page.evaluate(
        "states => states.map(pretrainWidgets.widget('logits').compute)",
        [case["state"] for case in cases],
    )
    for case, got in zip(cases, answers, strict=True):
        for name, want in case["answer"].items():
            assert got[name] == close(want), case["state"]


def test_logits_by_key_and_by_drag(open_page):
    page = open_page("logits")
    first = page.locator(".pw").first
    check(page)
    slider = first.get_by_role("slider", name="floor")
    for key, value in (("End", 10.0), ("ArrowLeft", 9.9), ("Home", -10.0)):
        slider.press(key)
        check(page, logits=[2.0, value, *START[2:]])
    box = slider.bounding_box()
    page.mouse.move(box["x"] + 8, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 10, steps=6)
    page.mouse.up()
    value = float(slider.input_value())
    assert 5 < value < 7
    check(page, logits=[2.0, value, *START[2:]])
    first.get_by_role("button", name="Start again").click()
    check(page)
    first.get_by_role("button", name="All equal").click()
    check(page, logits=[0.0] * 5)


def test_target_temperature_and_smoothing(open_page):
    page = open_page("logits")
    first = page.locator(".pw").first
    first.get_by_role("radio", name="moon").check()
    check(page, target=4)
    for key, temperature, smoothing in (("Home", 0.05, 0.0), ("End", 5.0, 0.9)):
        first.get_by_role("slider", name="Temperature").press(key)
        first.get_by_role("slider", name="Label smoothing").press(key)
        check(page, target=4, temperature=temperature, smoothing=smoothing)
    assert "cannot fall below the entropy of q" in first.inner_text()
    # the least loss of a smoothed target: q = 0.1 + 0.18 at one token, 0.18 elsewhere
    assert "1.591 nats" in first.inner_text()


def test_extremes_stay_finite(open_page):
    page = open_page("logits")
    first = page.locator(".pw").first
    first.get_by_role("slider", name="mat").press("Home")
    first.get_by_role("slider", name="floor").press("End")
    first.get_by_role("slider", name="Temperature").press("Home")
    check(page, logits=[-10.0, 10.0, *START[2:]], temperature=0.05)
    assert "400.000 nats" in first.inner_text()
    assert "NaN" not in first.inner_text() and "∞" not in first.inner_text()
