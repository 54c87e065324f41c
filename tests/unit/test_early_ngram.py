"""n-grams: probabilities that sum to one, and counts small enough to do by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from pretrain import tokens
from pretrain.corpora.document import Document
from pretrain.corpora.microworld import Microworld
from pretrain.early import ngram
from pretrain.early.ngram import AddK, Interpolated, count, interpolate, kneser_ney
from pretrain.errors import EmptyCorpusError, PretrainError
from pretrain.evaluation.generation import Sampling
from pretrain.evaluation.likelihood import excess

LETTERS = tokens.words(["a", "b", "c", "d"], split="blanks")
A, B, C, D = range(4, 8)
PAD, DOC, MASK, UNK = range(4)
TEXTS = st.lists(st.lists(st.integers(A, C), max_size=6), min_size=1, max_size=5)


def models(documents, order):
    counts = count(documents, LETTERS, order)
    yield AddK(counts, 0.5)
    yield interpolate(counts, [[A, B], [D, A, A]], steps=3)
    yield kneser_ney(counts)


@given(TEXTS, st.integers(1, 4), st.lists(st.integers(A, D), max_size=5))
@settings(max_examples=60, deadline=None)
def test_every_distribution_sums_to_one(documents, order, context):
    for model in models(documents, order):
        p = ngram.distribution(model, [DOC, *context])
        assert p.sum() == pytest.approx(1, abs=1e-12)  # float64 sums of 8 numbers
        assert p[[PAD, MASK]].tolist() == [0, 0]
        assert (p[[DOC, UNK, A, B, C, D]] > 0).all()
        each = [ngram.probability(model, w, [DOC, *context]) for w in range(8)]
        np.testing.assert_allclose(each, p, atol=1e-15)


def test_every_distribution_of_microworld_sums_to_one():
    world = Microworld()
    documents = [d.tokens for d in world.heldout("train", 200)]
    counts = count(documents, world.tokenizer, 3)
    held_out = world.heldout("validation", 20)
    fitted = interpolate(counts, [d.tokens for d in held_out])
    for model in (AddK(counts), fitted, kneser_ney(counts)):
        for document in held_out[:5]:
            ids = (DOC, *document.tokens)
            for i in range(1, len(ids) + 1):
                p = ngram.distribution(model, ids[:i])
                assert p.sum() == pytest.approx(1, abs=1e-12)  # sums of 834 numbers


def test_counts_by_hand():
    counts = count([[A, B, A], [B]], LETTERS, 3)
    assert counts.tables[0] == {(): {A: 2, B: 2, DOC: 2}}
    assert counts.tables[1][(DOC,)] == {A: 1, B: 1}
    assert counts.tables[1][(A,)] == {B: 1, DOC: 1}
    # Contexts of two words; none begins before <doc> or reaches across it.
    assert counts.tables[2] == {
        (DOC, A): {B: 1},
        (A, B): {A: 1},
        (B, A): {DOC: 1},
        (DOC, B): {DOC: 1},
    }
    assert counts.totals[1][(A,)] == 2
    assert counts.words == 6  # a b c d <doc> <unk>


def test_counting_a_stream_stops_after_the_document_that_reaches_the_tokens():
    def forever():
        while True:
            yield [A, B, C]

    assert count(forever(), LETTERS, 1, tokens=9).totals[0][()] == 12


def test_add_k_by_hand():
    model = AddK(count([[A, B, A], [A]], LETTERS, 2), k=0.5)
    # After a: b once, <doc> twice; six words, so 0.5 · 6 is added to the total.
    assert ngram.probability(model, DOC, [DOC, A]) == pytest.approx(2.5 / 6)
    assert ngram.probability(model, C, [DOC, A]) == pytest.approx(0.5 / 6)
    assert ngram.probability(model, C, [DOC, D]) == pytest.approx(1 / 6)  # never seen


def test_kneser_ney_by_hand():
    """One document "a b a c b", two levels, discounts ¼ and ½."""
    model = kneser_ney(count([[A, B, A, C, B]], LETTERS, 2), (0.25, 0.5))
    # Bigrams: <doc>a ab ba ac cb b<doc>, each once. Different predecessors of a:
    # <doc>, b; of b: a, c; of c: a; of <doc>: b. Six in all.
    words = {
        A: 1.75 / 6 + 1 / 36,  # (2 − ¼) / 6, and a sixth of the mass ¼ · 4 / 6
        B: 1.75 / 6 + 1 / 36,
        C: 0.75 / 6 + 1 / 36,
        DOC: 0.75 / 6 + 1 / 36,
        D: 1 / 36,
        UNK: 1 / 36,
    }
    assert sum(words.values()) == pytest.approx(1)
    for w, p in words.items():
        assert ngram.probability(model, w, [DOC, D]) == pytest.approx(p)
        after_a = (0.5 if w in (B, C) else 0) / 2 + 0.5 * p  # b and c once each
        assert ngram.probability(model, w, [DOC, A]) == pytest.approx(after_a)


def test_a_word_tied_to_one_context_is_improbable_in_others():
    """"San Francisco": b is as frequent as c, and follows nothing but a."""
    documents = [[A, B], [A, B], [A, B], [D, C], [A, C], [C]]
    model = kneser_ney(count(documents, LETTERS, 2))
    unseen = ngram.distribution(model, [DOC, UNK])
    assert unseen[C] > 2 * unseen[B]
    by_count = ngram.distribution(AddK(count(documents, LETTERS, 1)), [DOC])
    assert by_count[B] == by_count[C]


def test_contexts_that_open_a_document_keep_their_own_counts():
    adjusted = ngram.continuations(count([[A, B], [A, B], [A, C]], LETTERS, 3))
    assert adjusted.tables[1][(DOC,)] == {A: 3}
    assert adjusted.tables[1][(A,)] == {B: 1, C: 1}  # only <doc> came before "a b"
    assert adjusted.tables[0][()] == {A: 1, B: 1, C: 1, DOC: 2}


def test_the_discount_is_n1_over_n1_plus_2_n2():
    model = kneser_ney(count([[A, B], [A, B], [A, C], [D]], LETTERS, 2))
    # Bigram counts: <doc>a 3, <doc>d 1, ab 2, ac 1, b<doc> 2, c<doc> 1, d<doc> 1.
    assert model.discounts[1] == pytest.approx(4 / (4 + 2 * 2))


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_em_never_lowers_the_likelihood(seed):
    rng = np.random.default_rng(seed)
    p, w = rng.random((30, 4)) + 1e-3, np.full(4, 0.25)
    before = -math.inf
    for _ in range(20):
        after = np.log(p @ w).sum()
        assert after >= before - 1e-9  # float64 sums of 30 logarithms
        before, w = after, ngram.em_step(w, p)
    assert w.sum() == pytest.approx(1, abs=1e-12)


def test_em_finds_the_maximum_that_scipy_finds():
    p = np.random.default_rng(3).random((200, 2)) ** 3
    w = np.array([0.5, 0.5])
    for _ in range(500):
        w = ngram.em_step(w, p)
    best = minimize_scalar(
        lambda x: -np.log(p @ [1 - x, x]).sum(), bounds=(0, 1), method="bounded"
    )
    # scipy's default xatol is 1e-5
    assert w[1] == pytest.approx(best.x, abs=1e-4)


def test_weights_fitted_on_the_counted_text_itself_go_to_the_longest_context():
    documents = [[A, B, C, A], [B, B, A]]
    fitted = interpolate(count(documents, LETTERS, 3), documents, steps=200)
    assert fitted.weights[2][3] > 0.99
    # Where the longest seen context has no token, there are two rows; none held out.
    assert fitted.weights[0] == (0.5, 0.5)


def test_unseen_contexts_fall_back_to_shorter_ones():
    counts = count([[A, B, C], [B, C]], LETTERS, 3)
    weights = ((0.2, 0.8), (0.2, 0.3, 0.5), (0.1, 0.2, 0.3, 0.4))
    model = Interpolated(counts, weights)
    # "d b" was never seen, "b" was: c followed it twice; c is 2 of 7 tokens.
    expected = 0.2 / 6 + 0.3 * 2 / 7 + 0.5
    assert ngram.probability(model, C, [DOC, D, B]) == pytest.approx(expected)


def test_scores_are_nats_of_every_token_and_the_closing_doc():
    model = kneser_ney(count([[A, B], [B]], LETTERS, 2))
    document = Document((A, B), "a b")
    nats = ngram.surprisals(model, document.tokens)
    each = [([DOC], A), ([DOC, A], B), ([DOC, A, B], DOC)]
    p = [ngram.distribution(model, context)[w] for context, w in each]
    np.testing.assert_allclose(nats, -np.log(p))
    score = ngram.score(model, [document])
    assert score.mean == pytest.approx(nats.mean())
    bits = nats.sum() / math.log(2)
    assert score.bits_per_byte([document]) == pytest.approx(bits / 3)


def test_on_microworld_longer_contexts_come_closer_to_the_floor_and_never_below():
    world = Microworld()
    held_out = world.heldout("validation", 200)
    floor = np.array([d.surprisals.sum() for d in held_out])
    above = []
    for order in (1, 2, 3, 4):
        counts = count(world.stream("train", 0), world.tokenizer, order, 100_000)
        found = excess(ngram.score(kneser_ney(counts), held_out), floor)
        assert found.value > 3 * found.error
        above.append(found.value)
    # Measured once: 4.71, 1.96, 0.85, 0.56. Bounds leave room for another grammar.
    assert above[0] > 2 * above[1] > 3 * above[2] > 3 * above[3]


def test_writing_follows_the_distribution_and_ends_with_doc():
    model = kneser_ney(count([[A, B], [A, C], [A, C]], LETTERS, 2))
    assert ngram.write(model, [A], max_tokens=1) == [C]  # the greedy choice
    generator = torch.Generator().manual_seed(0)
    drawn = [
        ngram.write(model, [A], Sampling(), generator=generator, max_tokens=1)
        for _ in range(2000)
    ]
    p = ngram.distribution(model, [DOC, A])
    for w, text in ((B, [B]), (C, [C]), (DOC, [])):
        share = drawn.count(text) / 2000
        # four standard errors of a share of 2000 draws
        assert abs(share - p[w]) < 4 * math.sqrt(p[w] * (1 - p[w]) / 2000)
    assert not {PAD, MASK} & {w for text in drawn for w in text}


def test_errors_say_what_to_do():
    with pytest.raises(PretrainError, match="order 0: give 1 or more"):
        count([[A]], LETTERS, 0)
    with pytest.raises(EmptyCorpusError, match="nothing to count"):
        count([], LETTERS)
    counts = count([[A]], LETTERS, 2)
    with pytest.raises(PretrainError, match="add more than 0"):
        AddK(counts, 0)
    with pytest.raises(PretrainError, match="give 2 numbers from 0 to 1"):
        kneser_ney(counts, (0.5,))
    with pytest.raises(EmptyCorpusError, match="not counted"):
        interpolate(counts, [])
    with pytest.raises(PretrainError, match="needs a generator"):
        ngram.write(kneser_ney(counts), sampling=Sampling())
