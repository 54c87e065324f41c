"""Entropy, KL and the units of a loss, against SciPy and counts by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from pretrain.corpora.document import Document
from pretrain.corpora.microworld import Microworld
from pretrain.errors import EmptyLossError, PretrainError
from pretrain.evaluation import information
from pretrain.evaluation.information import (
    Counts,
    Rates,
    bits_per_byte,
    cross_entropy,
    entropy,
    kl_divergence,
    perplexity,
    perplexity_from,
    word_perplexity,
)
from pretrain.tokens import byte_bpe

# float64 sums of a few terms of size 1
ROUNDING = 1e-12
WEIGHTS = st.lists(st.integers(0, 9), min_size=2, max_size=12).filter(any)


def distribution(weights):
    return np.array(weights) / sum(weights)


# -- distributions ----------------------------------------------------------------


@settings(max_examples=100, deadline=None, derandomize=True)
@given(WEIGHTS, st.data())
def test_scipy_and_the_decomposition(weights, data):
    size = st.lists(st.integers(1, 9), min_size=len(weights), max_size=len(weights))
    p, q = distribution(weights), distribution(data.draw(size))
    assert entropy(p) == pytest.approx(stats.entropy(p), abs=ROUNDING)
    assert kl_divergence(p, q) == pytest.approx(stats.entropy(p, q), abs=ROUNDING)
    both = entropy(p) + kl_divergence(p, q)
    assert cross_entropy(p, q) == pytest.approx(both, abs=ROUNDING)
    assert 0 <= entropy(p) <= math.log(len(p)) + ROUNDING
    assert kl_divergence(p, q) >= -ROUNDING and kl_divergence(p, p) == 0


def test_known_values():
    assert entropy([1.0, 0.0]) == 0 and not np.signbit(entropy([1.0, 0.0]))
    assert entropy(np.full(8, 1 / 8)) == pytest.approx(math.log(8))
    assert information.bits(entropy([0.5, 0.25, 0.25])) == pytest.approx(1.5)
    there = kl_divergence([0.9, 0.1], [0.5, 0.5])
    assert there != pytest.approx(float(kl_divergence([0.5, 0.5], [0.9, 0.1])))
    assert there == pytest.approx(math.log(2) - float(entropy([0.9, 0.1])))
    assert kl_divergence([1.0, 0.0], [0.5, 0.5]) == pytest.approx(math.log(2))


def test_a_batch_of_rows_and_one_distribution_against_many():
    rows = np.random.default_rng(0).dirichlet(np.ones(5), size=(3, 2))
    assert entropy(rows).shape == (3, 2)
    np.testing.assert_allclose(
        kl_divergence(rows[0, 0], rows), special.rel_entr(rows[0, 0], rows).sum(-1)
    )


def test_the_loss_of_a_model_is_the_cross_entropy_with_its_softmax():
    logits = torch.randn(9, generator=torch.Generator().manual_seed(0)).double()
    p = np.random.default_rng(0).dirichlet(np.ones(9))
    expected = torch.nn.functional.cross_entropy(logits[None], torch.tensor(p)[None])
    found = cross_entropy(p, logits.softmax(-1).numpy())
    assert found == pytest.approx(float(expected), rel=1e-12)


def test_what_is_no_distribution_and_where_a_loss_is_infinite():
    for wrong in ([0.5, 0.6], [1.5, -0.5], [math.nan, 1.0], [], 1.0, [2.0, 3.0]):
        with pytest.raises(PretrainError, match="distribution"):
            entropy(wrong)
    with pytest.raises(PretrainError, match="over 2 and 3 outcomes"):
        kl_divergence([0.5, 0.5], [0.2, 0.3, 0.5])
    for function in (cross_entropy, kl_divergence):
        with pytest.raises(PretrainError, match="outcome 1, which p gives 0.25"):
            function([0.75, 0.25], [1.0, 0.0])
    softmax = torch.randn(50_000).softmax(-1)  # float32 sums to 1 only about
    assert 10 < entropy(softmax.numpy()) < math.log(50_000)


# -- units ------------------------------------------------------------------------

CAFE = Document((5, 6, 7), "Où est le café ?")  # 16 characters, 18 bytes
DOG = Document((8,), "Dog")


def test_characters_bytes_and_the_closing_token_are_told_apart():
    nats = [np.array([1.0, 2.0, 3.0, 0.5]), np.array([4.0, 0.25])]
    open_ = Rates.of(nats, [CAFE, DOG], closing=False)
    closed = Rates.of(nats, [CAFE, DOG], closing=True)
    assert (open_.nats, closed.nats) == (10.0, 10.75)
    assert open_.counts == Counts(tokens=4, characters=19, bytes=21, closing=False)
    assert closed.counts.tokens == 6 and closed.counts.bytes == 21
    assert open_.nats_per_token == 2.5 and open_.perplexity == math.exp(2.5)
    assert open_.bits_per_byte == pytest.approx(10 / math.log(2) / 21)
    assert open_.bits_per_character == pytest.approx(10 / math.log(2) / 19)
    assert closed.bits_per_byte == pytest.approx(10.75 / math.log(2) / 21)
    assert open_.counts.tokens_per_byte == 4 / 21


def test_perplexity_of_all_tokens_is_no_mean_of_perplexities():
    nats, counts = [1.0, 100.0], [10, 20]
    found = perplexity(nats, counts)
    assert found == pytest.approx(math.exp(101 / 30))
    means = [math.exp(n / c) for n, c in zip(nats, counts, strict=True)]
    assert abs(np.mean(means) - found) > 40, "74.8 against 29.0"
    assert perplexity([1e6], [1]) == math.inf
    assert word_perplexity(30.0, 10) == pytest.approx(math.exp(3))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.floats(0.01, 10), st.integers(1, 10**6), st.integers(1, 10**6))
def test_conversions_are_inverse_and_agree(per_token, tokens, size):
    rates = Rates(per_token * tokens, Counts(tokens, size, size, False))
    ratio = rates.counts.tokens_per_byte
    there = bits_per_byte(rates.perplexity, ratio)
    assert there == pytest.approx(rates.bits_per_byte, rel=1e-9)
    assert perplexity_from(there, ratio) == pytest.approx(rates.perplexity, rel=1e-6)
    assert rates.bits_per_token * ratio == pytest.approx(there, rel=1e-9)


def test_bits_per_byte_as_nanochat_counts_them():
    """Nats over the bytes of the scored tokens; specials have none and are left out."""
    texts = ["Où est le café ?", "the cat sat on the mat", "日本"]
    tokenizer = byte_bpe(texts * 3, 300)
    documents = [Document(tuple(tokenizer.encode(t)), t) for t in texts]
    generator = np.random.default_rng(0)
    nats = [generator.exponential(size=len(d.tokens) + 1) for d in documents]
    total, size = 0.0, 0
    for document, each in zip(documents, nats, strict=True):
        for token, x in zip([*document.tokens, 1], each, strict=True):
            if tokenizer.token_bytes[token] > 0:
                total += x
                size += int(tokenizer.token_bytes[token])
    found = Rates.of(nats, documents, closing=False)
    assert found.counts.bytes == size
    assert found.bits_per_byte == pytest.approx(total / (math.log(2) * size))


def test_a_language_and_its_own_surprisals():
    world = Microworld()
    documents = world.heldout("validation", 50)
    nats = [d.surprisals for d in documents]
    found = Rates.of(nats, documents, closing=True)
    per_token = -sum(world.log_probability(d.tokens) for d in documents)
    assert found.nats == pytest.approx(per_token)
    assert found.counts.tokens == sum(len(d.tokens) + 1 for d in documents)
    assert 1 < found.perplexity < 3 and found.bits_per_byte < found.bits_per_token


def test_no_text_no_mean():
    empty = Rates(1.0, Counts(1, 0, 0, True))
    with pytest.raises(EmptyLossError, match="no bytes"):
        _ = empty.bits_per_byte
    with pytest.raises(EmptyLossError, match="no characters"):
        _ = empty.bits_per_character
    with pytest.raises(EmptyLossError, match="no tokens"):
        perplexity([], [])
    with pytest.raises(PretrainError, match="one for each"):
        Rates.of([np.ones(1)], [DOG], closing=False)
