"""Pseudo-log-likelihood on languages small enough to list, and against a plain loop."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pretrain.attention import full
from pretrain.corpora.document import Document
from pretrain.corpora.markov import HiddenMarkov
from pretrain.errors import EmptyLossError, PretrainError
from pretrain.evaluation.pseudo_likelihood import (
    pseudo_log_likelihood,
    pseudo_score,
    pseudo_surprisals,
    pseudo_surprisals_all,
)
from pretrain.model import ModelConfig, Transformer, redraw
from pretrain.tokens import words

CITIES = {"san francisco": 0.5, "new york": 0.25, "new delhi": 0.25}
TOKENIZER = words(["san francisco new york delhi"])


class Oracle(torch.nn.Module):
    """The exact masked model of a listed language: Bayes over texts of one length."""

    def __init__(self, language: dict[tuple[int, ...], float], vocab_size: int):
        super().__init__()
        self.language, self.vocab_size = language, vocab_size
        self.config = SimpleNamespace(context=8)
        self.anchor = torch.nn.Parameter(torch.zeros(()))

    def hidden(self, inputs, attention):
        assert attention == full()
        mask = TOKENIZER.special.mask
        p = torch.zeros(*inputs.shape, self.vocab_size, dtype=torch.float64)
        for row, ids in enumerate(inputs.tolist()):
            for text, share in self.language.items():
                seen = zip(text, ids[1:], strict=False)
                if len(text) == len(ids) - 1 and all(b in (mask, a) for a, b in seen):
                    for t, token in enumerate(text):
                        p[row, t + 1, token] += share
        return (p / p.sum(-1, keepdim=True)).log()

    def logits(self, hidden):
        return hidden


def ids_of(text):
    return tuple(TOKENIZER.encode(text))


def test_it_is_the_sum_of_conditionals_and_no_log_likelihood():
    language = {ids_of(text): p for text, p in CITIES.items()}
    oracle = Oracle(language, TOKENIZER.vocab_size)
    found = {
        text: pseudo_log_likelihood(oracle, ids_of(text), TOKENIZER) for text in CITIES
    }
    # each half of "san francisco" gives the other away, so that nothing is paid
    assert found["san francisco"] == 0.0
    # "york" after "new" is one of two; "new" before "york" is certain
    assert found["new york"] == pytest.approx(math.log(0.5))
    assert math.fsum(math.exp(x) for x in found.values()) == pytest.approx(2.0)
    assert math.log(CITIES["san francisco"]) < found["san francisco"]


def test_every_text_of_a_hidden_markov_language():
    """Oracle by enumeration, expected conditionals by forward–backward."""
    language = HiddenMarkov(
        name="tiny",
        states=("calm", "wild"),
        words=("a", "b", "c"),
        initial=[0.7, 0.3],
        transition=[[0.8, 0.2], [0.4, 0.6]],
        emission=[[0.6, 0.3, 0.1], [0.1, 0.25, 0.65]],
        stop=[0.2, 0.5],
        max_length=3,
    )
    texts = [
        tuple(4 + (k // 3**t) % 3 for t in range(n))
        for n in (1, 2, 3)
        for k in range(3**n)
    ]
    table = {text: math.exp(language.log_prob(text)) for text in texts}
    assert math.fsum(table.values()) == pytest.approx(1)
    oracle = Oracle(table, 7)
    found = pseudo_surprisals_all(oracle, texts, TOKENIZER, rows=5)
    for text, nats in zip(texts, found, strict=True):
        expected = [language.masked_surprisals(text, [t])[0] for t in range(len(text))]
        np.testing.assert_allclose(nats, expected, atol=1e-12)
    total = math.fsum(math.exp(-nats.sum()) for nats in found)
    assert abs(total - 1) > 0.1, "exp PLL is no distribution over texts"


@pytest.fixture(scope="module")
def model():
    made = Transformer(ModelConfig(9, width=16, depth=2, heads=2, context=16)).double()
    return redraw(made, seed=1)


def test_a_model_is_asked_one_token_at_a_time(model):
    generator = np.random.default_rng(0)
    texts = [generator.integers(4, 9, size=n).tolist() for n in (5, 1, 12, 5, 0, 15)]
    copies = [list(text) for text in texts]
    found = pseudo_surprisals_all(model, texts, TOKENIZER, rows=4)
    assert texts == copies
    for tokens, nats in zip(texts, found, strict=True):
        assert nats.shape == (len(tokens),)
        for t, token in enumerate(tokens):
            row = [1, *tokens]
            row[t + 1] = TOKENIZER.special.mask
            with torch.no_grad():
                logits = model(torch.tensor([row]), full())[0, t + 1]
            expected = -float(logits.log_softmax(-1)[token])
            assert nats[t] == pytest.approx(expected, rel=1e-10)


def test_scores_are_averaged_over_all_tokens(model):
    documents = [Document((4, 5, 6, 7), "x"), Document((8,), "y"), Document((), "")]
    score = pseudo_score(model, documents, TOKENIZER)
    each = [pseudo_surprisals(model, d.tokens, TOKENIZER) for d in documents]
    assert score.counts.tolist() == [4, 1, 0]
    np.testing.assert_allclose(score.nats, [x.sum() for x in each], rtol=1e-10)
    mean = math.fsum(np.concatenate(each)) / 5
    assert score.pseudo_perplexity == pytest.approx(math.exp(mean))
    with pytest.raises(EmptyLossError, match="hold no tokens"):
        _ = pseudo_score(model, documents[2:], TOKENIZER).mean


def test_what_cannot_be_scored_is_said(model):
    for special in (1, TOKENIZER.special.mask, 0):
        with pytest.raises(PretrainError, match="holds <doc>, <mask> or <pad>"):
            pseudo_surprisals(model, [4, special], TOKENIZER)
    with pytest.raises(PretrainError, match="do not fit a context of 16"):
        pseudo_surprisals(model, [4] * 16, TOKENIZER)
    with pytest.raises(PretrainError, match="no <mask>"):
        pseudo_surprisals(model, [4], words(["a b"], mask=False))
