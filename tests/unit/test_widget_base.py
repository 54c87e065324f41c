"""What all widgets share in Python: their module, their style, their error."""

import importlib
import importlib.util

import pytest

import pretrain.widgets
from pretrain.style import DARK, PALETTE
from pretrain.widgets import base
from pretrain.widgets.logits import LogitsToLoss


def test_a_missing_anywidget_is_told_in_one_sentence(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "anywidget" else find(name, *rest),
    )
    with pytest.raises(ImportError, match=r"pip install 'pretrain\[labs\]'"):
        importlib.reload(pretrain.widgets)
    monkeypatch.undo()
    importlib.reload(pretrain.widgets)


def test_the_style_sheet_brings_both_palettes_to_a_notebook():
    css = base.style_sheet()
    for colors in (PALETTE, DARK):
        for meaning, color in colors.items():
            assert f"--color-{meaning}: {color};" in css
    for meaning in set(
        part.split(")")[0] for part in css.split("var(--color-")[1:]
    ):
        assert meaning in PALETTE, f"widgets.css uses an unknown color, {meaning}"


def test_a_picture_s_words_are_text_and_not_markup():
    drawing = base.svg(10, 10, [base.label(0, 0, "<mask> & so")], 'a "quote" <b>')
    assert "&lt;mask&gt; &amp; so" in drawing
    assert 'aria-label="a &quot;quote&quot; &lt;b&gt;"' in drawing


def test_a_widget_may_keep_another_place_free():
    assert LogitsToLoss()._heights == list(LogitsToLoss.heights)
    assert LogitsToLoss(heights=(100, 200))._heights == [100, 200]
