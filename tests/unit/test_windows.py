"""Sliding-window evaluation: each token once, and the loss of a loop by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain.corpora.document import Document
from pretrain.errors import EmptyCorpusError, PretrainError
from pretrain.evaluation.likelihood import evaluate, prepare
from pretrain.evaluation.windows import (
    rolling_evaluate,
    rolling_surprisals,
    rolling_windows,
)
from pretrain.model import ModelConfig, Transformer, redraw
from pretrain.objectives import Causal
from pretrain.tokens import words

TOKENIZER = words(["a b c d e f g h"])
DOC = TOKENIZER.special.doc
V = TOKENIZER.vocab_size


@pytest.fixture(scope="module")
def model():
    made = Transformer(ModelConfig(V, width=16, depth=2, heads=2, context=12)).double()
    redraw(made, seed=1)
    return made


def text(n, seed=0):
    return np.random.default_rng(seed).integers(4, V, size=n).tolist()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(size=st.integers(0, 60), length=st.integers(1, 15), data=st.data())
def test_every_token_is_scored_once_with_all_the_context_there_is(size, length, data):
    stride = data.draw(st.integers(1, length))
    tokens = [100 + i for i in range(size)]
    windows = rolling_windows(tokens, 7, length, stride)
    assert [t for window in windows for t in window.targets] == tokens
    whole = [7, *tokens]
    for window in windows:
        end = whole.index(window.targets[-1])
        assert window.inputs == whole[max(end - length, 0) : end]
        context, continuation = window.split()
        assert (context + continuation)[:-1] == window.inputs and context
        if window is not windows[0]:
            assert len(context) >= length - stride + 1
            assert len(window.inputs) == length


@pytest.mark.parametrize("stride", [1, 3, 8])
@pytest.mark.parametrize("size", [1, 7, 8, 9, 41])
def test_the_loss_is_that_of_one_forward_pass_a_token(model, size, stride):
    length, tokens = 8, text(size)
    found = rolling_surprisals(model, tokens, DOC, length, stride, rows=3)
    whole = [DOC, *tokens]
    for i, token in enumerate(tokens):
        # the end of the window that scores token i: 8, then every `stride` more
        last = min(max(8, 8 + -(-(i + 1 - 8) // stride) * stride), size)
        context = whole[max(last - length, 0) : i + 1]
        with torch.no_grad():
            logits = model(torch.tensor([context]))[0, -1]
        expected = -float(logits.log_softmax(-1)[token])
        # float64, where rows of another shape round differently
        assert found[i] == pytest.approx(expected, rel=1e-10), (i, last)


def test_stride_one_gives_each_token_the_full_window(model):
    tokens = text(30, seed=2)
    found = rolling_surprisals(model, tokens, DOC, 6, 1)
    for i in range(6, 30):
        with torch.no_grad():
            logits = model(torch.tensor([tokens[i - 6 : i]]))[0, -1]
        assert found[i] == pytest.approx(-float(logits.log_softmax(-1)[tokens[i]]))


def test_the_stride_changes_the_loss_of_later_tokens_only(model):
    tokens = text(40, seed=3)
    apart = rolling_surprisals(model, tokens, DOC, 8)
    close = rolling_surprisals(model, tokens, DOC, 8, 2)
    np.testing.assert_allclose(apart[:8], close[:8], rtol=1e-10)
    assert np.abs(apart[8:] - close[8:]).max() > 1e-3


def test_a_text_that_fits_is_scored_as_the_evaluation_set_does(model):
    documents = [Document(tuple(text(n, n)), "x") for n in (3, 10, 1, 7, 0, 11)]
    found = rolling_evaluate(model, documents, TOKENIZER)
    expected = evaluate(model, prepare(documents, TOKENIZER, Causal(), 12))
    np.testing.assert_allclose(found.nats, expected.nats, rtol=1e-10)
    assert found.counts.tolist() == expected.counts.tolist() == [4, 11, 2, 8, 1, 12]


def test_long_documents_are_scored_apart_from_one_another(model):
    documents = [Document(tuple(text(n, n)), "x") for n in (30, 5, 50)]
    found = rolling_evaluate(model, documents, TOKENIZER, 10, 4)
    assert found.counts.tolist() == [31, 6, 51]
    for i, document in enumerate(documents):
        alone = rolling_surprisals(model, [*document.tokens, DOC], DOC, 10, 4)
        assert found.nats[i] == pytest.approx(math.fsum(alone), rel=1e-10)
    assert found.bits_per_byte(documents) > 0, "every token was scored"


def test_training_mode_is_left_as_it_was(model):
    model.train()
    rolling_surprisals(model, text(5), DOC)
    assert model.training
    model.eval()


def test_what_cannot_be_done_is_said(model):
    for stride in (0, 9):
        with pytest.raises(PretrainError, match="tokens are left out"):
            rolling_windows([1, 2], 0, 8, stride)
    with pytest.raises(PretrainError, match="context"):
        rolling_surprisals(model, text(20), DOC, 13)
    with pytest.raises(EmptyCorpusError, match="no documents"):
        rolling_evaluate(model, [], TOKENIZER)
    assert rolling_surprisals(model, [], DOC).shape == (0,)
