"""The packing widget in a page, by key, mouse and dropped file, against Python."""

import pytest
from widget_site import golden, settle

from pretrain.widgets.packing import STRATEGIES, TEXT, Packing, documents_of, name_of

SHOWN = """() => {
  const widget = document.querySelector('.pw');
  const rows = [...widget.querySelectorAll('.pw-packing tbody tr')];
  const grid = [...widget.querySelectorAll('.pw-attention tbody tr')];
  const sums = [...widget.querySelectorAll('.pw-packing-sums tbody tr')];
  const text = cells => [...cells].map(cell => cell.textContent);
  return {
    rows: rows.map(row => [...row.querySelectorAll('td[data-kind]')]
      .map(cell => text(cell.children))),
    grid: grid.map(row => [...row.querySelectorAll('td')].map(c => c.dataset.kind)),
    sums: sums.map(row => text(row.querySelectorAll('td'))),
  };
}"""
DROP = """([files, type]) => {
  const data = new DataTransfer();
  for (const [name, text] of files) data.items.add(new File([text], name));
  const event = new DragEvent(type, {dataTransfer: data, bubbles: true,
                                     cancelable: true});
  document.querySelector('.pw').dispatchEvent(event);
}"""
ENDS = "text => document.querySelector('.pw textarea').value.endsWith(text)"
KINDS = {("0", "0"): "none", ("1", "0"): "seen", ("1", "1"): "leak"}
SUMS = ("rows", "padding", "scored", "dropped", "cut", "leaks")


def demo():
    return [Packing(), Packing(text=""), Packing(length=4, strategy="concat")]


def check(page, **settings):
    """Everything that the first widget shows is what Python computes."""
    settle(page)
    want, got = Packing(**settings).result(), page.evaluate(SHOWN)
    documents = documents_of(settings.get("text", TEXT))

    def shown(place):
        if isinstance(place, str):
            return ["", place]
        return [name_of(place[0]), documents[place[0]][place[1]]]

    assert got["rows"] == [[shown(p) for p in row] for row in want["rows"][:20]]
    assert got["grid"] == [
        [KINDS[pair] for pair in zip(seen, leaks, strict=True)]
        for seen, leaks in zip(want["seen"], want["leaks"], strict=True)
    ]
    for name, cells in zip(SUMS, got["sums"], strict=True):
        assert cells == [f"{want['compare'][way][name]:,}" for way in STRATEGIES]
    return page.locator(".pw").first


def test_golden_cases(open_page):
    page, cases = open_page("packing"), golden("packing")
    answers = page.evaluate(
        "states => states.map(pretrainWidgets.widget('packing').compute)",
        [case["state"] for case in cases],
    )
    assert len(cases) > 50
    for case, got in zip(cases, answers, strict=True):
        assert {key: got[key] for key in case["answer"]} == case["answer"]


def test_each_strategy_with_and_without_blocks(open_page):
    page = open_page("packing")
    first = check(page)
    assert "In one piece: A, C, E. Cut: B (" in first.inner_text()
    for strategy in ("concat", "pad", "whole"):
        first.get_by_role("radio", name=strategy).check()
        check(page, strategy=strategy)
        first.get_by_role("checkbox", name="only inside a document").press("Space")
        check(page, strategy=strategy, blocked=True)
        assert first.locator(".pw-attention td[data-kind=leak]").count() == 0
        first.get_by_role("checkbox", name="only inside a document").press("Space")
    first.get_by_role("radio", name="Row 1", exact=True).press("ArrowDown")
    check(page, row=1)
    assert "Row 2: who sees whom" in first.inner_text()


@pytest.mark.parametrize(("key", "length"), [("Home", 4), ("End", 16)])
def test_the_shortest_and_the_longest_rows(open_page, key, length):
    page = open_page("packing")
    page.get_by_role("slider", name="Length of a row").first.press(key)
    first = check(page, length=length)
    first.get_by_role("radio", name="concat").check()
    check(page, length=length, strategy="concat")


def test_documents_are_edited_and_dropped_in(open_page):
    page = open_page("packing")
    first = check(page)
    first.get_by_label("Documents").fill("One line.\n\nAnother 👍 one")
    check(page, text="One line.\n\nAnother 👍 one")
    dropped = [["a.txt", "A file\nof two lines."], ["b.txt", "And one more."]]
    page.evaluate(DROP, [dropped, "dragover"])
    assert "pw-packing-over" in first.get_attribute("class")
    page.evaluate(DROP, [dropped, "drop"])
    page.wait_for_function(ENDS, arg="And one more.")
    text = "One line.\n\nAnother 👍 one\nA file of two lines.\nAnd one more."
    assert first.get_by_label("Documents").input_value() == text
    check(page, text=text)
    page.evaluate(DROP, [[["c.bin", "a\0b"], ["d.txt", ""]], "drop"])
    first.get_by_text("Not added: c.bin, d.txt. Give text files").wait_for()
    check(page, text=text)
    chosen = {"name": "e.txt", "mimeType": "text/plain", "buffer": b"By a dialog."}
    first.get_by_label("Add text files").set_input_files([chosen])
    page.wait_for_function(ENDS, arg="By a dialog.")
    check(page, text=f"{text}\nBy a dialog.")


def test_no_document_and_very_many(open_page):
    page = open_page("packing")
    first, empty = page.locator(".pw").first, page.locator(".pw").nth(1)
    assert "There is no document: type one, a line each." in empty.inner_text()
    text = first.get_by_label("Documents")
    text.fill(" \n ")
    settle(page)
    assert "There is no document" in first.inner_text()
    assert not first.locator("table").first.is_visible()
    many = "word " * 10_000
    text.fill(many)
    check(page, text=many)
    first.get_by_role("radio", name="concat").check()
    check(page, text=many, strategy="concat")
    assert "The first 20 of 834 rows are shown" in first.inner_text()
    assert "Split over rows: A." in first.inner_text()
    text.fill(TEXT)
    check(page, strategy="concat")


def test_python_sets_the_strategy(open_page):
    page = open_page("packing")
    page.evaluate("pretrainWidgets.model('w0').set('strategy', 'pad')")
    first = check(page, strategy="pad")
    assert first.get_by_role("radio", name="pad").is_checked()
