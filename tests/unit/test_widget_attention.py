"""The attention-pattern explorer's Python: golden cases, and what counts as a leak."""

import itertools

import pytest
import torch
from widget_site import golden

from pretrain.errors import PretrainError
from pretrain.widgets.attention import (
    MOST,
    PATTERNS,
    TASKS,
    TEXT,
    AttentionExplorer,
    row_of,
)

TRAITS = "text pattern task k by_document windowed width query".split()


def test_golden():
    settings = [
        {"pattern": pattern, "task": task, "by_document": inside, "windowed": near}
        for pattern, task, inside, near in itertools.product(
            PATTERNS, TASKS, (False, True), (False, True)
        )
    ]
    settings += [{"k": 0, "pattern": "prefix"}, {"k": 16, "pattern": "prefix"}]
    settings += [{"width": 1, "windowed": True}, {"width": 16, "windowed": True}]
    settings += [{"text": "one"}, {"text": "|| a 🎉 | b |"}, {"text": "word " * 30}]
    cases = []
    for setting in settings:
        widget = AttentionExplorer(**setting)
        state = {name: getattr(widget, name) for name in TRAITS}
        cases.append({"state": state, "answer": widget.result()})
    golden("attention", cases)


def leaks(**settings) -> torch.Tensor:
    rows = AttentionExplorer(**settings).result()["leaks"]
    return torch.tensor([[int(x) for x in row] for row in rows]).bool()


def test_the_right_mask_of_a_packed_row_has_no_leak():
    for task, pattern in zip(TASKS, PATTERNS, strict=True):
        shape = {"task": task, "pattern": pattern}
        assert not leaks(**shape, by_document=True).any()
        assert leaks(**shape).any()  # without it, one document looks into the other


def test_full_attention_shows_the_next_token_its_answer():
    """One document of T tokens: each query but the last sees all that follow it."""
    found = leaks(text="a b c d e", pattern="full", task="next")
    torch.testing.assert_close(found, torch.ones(5, 5).triu(1).bool())
    assert not leaks(text="a b c d e", pattern="full", task="masked").any()


def test_a_window_never_adds_a_leak():
    for pattern, task in itertools.product(PATTERNS, TASKS):
        wide = leaks(pattern=pattern, task=task)
        near = leaks(pattern=pattern, task=task, windowed=True, width=2)
        assert not (near & ~wide).any()


def test_a_row_is_cut_at_the_most_that_is_shown():
    tokens, documents = row_of("word " * 10_000)
    assert len(tokens) == documents.shape[1] == MOST
    tokens, documents = row_of(TEXT)
    assert documents.tolist() == [[0] * 5 + [1] * 5]


def test_bad_input_is_told():
    for bad in ({"pattern": "x"}, {"task": "x"}, {"k": -1}, {"width": 0}):
        with pytest.raises(PretrainError, match="give"):
            AttentionExplorer(**bad)
    with pytest.raises(PretrainError, match="counted from 0"):
        AttentionExplorer(query=-1)
    assert "0 queries" in AttentionExplorer(text="|").alt()
