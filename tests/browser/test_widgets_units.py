"""Perplexity, bits per byte and tokens per byte in a page, against the package."""

import pytest
from widget_site import golden, settle

from pretrain.widgets.units import Units

CELLS = """() => [...document.querySelector('.pw').querySelectorAll('tbody tr')]
  .map(row => [...row.children].map(cell => cell.textContent))"""

BITS_PER_BYTE = """() => {
  const { compute } = pretrainWidgets.widget('units');
  const names = ['text', 'tokens', 'losses'], model = pretrainWidgets.model('w0');
  const state = Object.fromEntries(names.map(name => [name, model.get(name)]));
  return compute(state).models.map(model => model.bits_per_byte);
}"""


def demo():
    return [Units(), Units(text="")]


def check(page, **settings):
    settle(page)
    rows = {row[0]: row[1:3] for row in page.evaluate(CELLS)}
    models = Units(**settings).result()["models"]
    for i, model in enumerate(models):
        got = {name: row[i] for name, row in rows.items()}
        assert got["tokens"] == f"{model['tokens']:,}"
        assert got["tokens per byte"] == f"{model['tokens_per_byte']:.3f}"
        assert got["nats per token"] == f"{model['nats_per_token']:.2f}"
        assert got["bits per character"] == f"{model['bits_per_character']:.3f}"
        assert got["bits per byte"] == f"{model['bits_per_byte']:.3f}"
        if model["perplexity"] < 100:
            assert got["perplexity (per token)"] == f"{model['perplexity']:.2f}"


def test_golden_cases(open_page):
    page, cases = open_page("units"), golden("units")
    answers = page.evaluate(
        "states => states.map(pretrainWidgets.widget('units').compute)",
        [case["state"] for case in cases],
    )
    for case, got in zip(cases, answers, strict=True):
        want = case["answer"]
        for name in ("bytes", "characters", "words"):
            assert got[name] == want[name]
        assert got["equal"] == pytest.approx(want["equal"], rel=1e-11)
        for ours, theirs in zip(got["models"], want["models"], strict=True):
            for name, value in theirs.items():
                value = float("inf") if value is None else value
                # 12 digits are in the file
                assert ours[name] == pytest.approx(value, rel=1e-11), (name, case)


def test_by_keyboard_and_mouse(open_page):
    page = open_page("units")
    first = page.locator(".pw").first
    check(page)
    assert "B is better" in first.inner_text()
    assert "although its perplexity is the higher one" in first.inner_text()
    loss = first.get_by_role("slider", name="Loss of A")
    for key, value in (("End", 12.0), ("ArrowLeft", 11.99), ("Home", 0.0)):
        loss.press(key)
        check(page, losses=[value, 3.5])
    first.get_by_label("Tokens of A").select_option("bytes")
    first.get_by_label("Tokens of B").select_option("characters")
    check(page, losses=[0.0, 3.5], tokens=["bytes", "characters"])
    box = loss.bounding_box()
    page.mouse.click(box["x"] + 0.1 * box["width"], box["y"] + box["height"] / 2)
    value = float(loss.input_value())
    assert 0.8 < value < 1.6
    check(page, losses=[value, 3.5], tokens=["bytes", "characters"])
    first.get_by_role("button", name="Give B the bits per byte").press("Enter")
    settle(page)
    assert "Both pay" in first.inner_text()
    a, b = page.evaluate(BITS_PER_BYTE)
    assert a == pytest.approx(b, rel=1e-12)


def test_other_texts(open_page):
    page = open_page("units")
    first, empty = page.locator(".pw").first, page.locator(".pw").nth(1)
    assert "There is no word in this text" in empty.inner_text()
    assert empty.get_by_role("button", name="Give B").is_disabled()
    area = first.get_by_label("Text that both read")
    for text in ("👩‍🚀🎉 e\u0301 né", "word " * 10_000, "x"):
        area.fill(text)
        check(page, text=text)
        assert "NaN" not in first.inner_text()
    area.fill("  ")
    settle(page)
    assert "There is no word in this text" in first.inner_text()
    # one byte is one word: B may have to pay more than its slider can say
    area.fill("a" * 200)
    first.get_by_label("Tokens of A").select_option("bytes")
    settle(page)
    assert first.get_by_role("button", name="Give B").is_disabled()
    assert "B would have a loss above 12" in first.inner_text()
    assert "10^" in first.inner_text()
