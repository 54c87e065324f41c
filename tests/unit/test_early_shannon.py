"""Shannon's bounds where the entropy is known, and what they do not promise."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain import tokens
from pretrain.early import ngram
from pretrain.early.neural import NeuralLMConfig
from pretrain.early.shannon import (
    ALPHABET,
    Bounds,
    bounds,
    bounds_of_shares,
    fold,
    guess_ranks,
    interval,
    quantiles,
    ranks_of,
    shares,
)
from pretrain.errors import EmptyLossError, PretrainError
from pretrain.model import ModelConfig, redraw


def random_chain(seed: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Transitions (size, size) of a Markov chain and its stationary distribution."""
    rng = np.random.default_rng(seed)
    steps = rng.dirichlet(np.full(size, 0.4), size) * 0.98 + 0.02 / size
    stationary = np.linalg.matrix_power(steps, 4096)[0]
    return steps, stationary


def entropy(steps: np.ndarray, stationary: np.ndarray) -> float:
    return float(-(stationary[:, None] * steps * np.log2(steps)).sum())


@given(st.integers(0, 10_000), st.integers(2, 8))
@settings(max_examples=50, deadline=None)
def test_the_entropy_lies_between_the_bounds_of_the_ideal_guesser(seed, size):
    steps, stationary = random_chain(seed, size)
    q = stationary @ -np.sort(-steps, axis=1)  # exact shares of the ranks
    found = bounds_of_shares(q.tolist())
    h = entropy(steps, stationary)
    assert found.lower - 1e-9 <= h <= found.upper + 1e-9  # float64 sums


@given(st.integers(0, 10_000), st.integers(2, 8))
@settings(max_examples=50, deadline=None)
def test_the_upper_bound_holds_for_every_guesser(seed, size):
    steps, stationary = random_chain(seed, size)
    rng = np.random.default_rng(seed)
    orders = np.array([rng.permutation(size) for _ in range(size)])
    q = stationary @ np.take_along_axis(steps, orders, 1)
    assert entropy(steps, stationary) <= bounds_of_shares(q.tolist()).upper + 1e-9


def test_the_lower_bound_does_not_hold_for_a_guesser_who_is_always_second():
    """A source without any surprise, and a guesser who never tries it first."""
    assert bounds([2] * 50) == Bounds(lower=2.0, upper=0.0, bias=0.0)


def test_where_the_bounds_are_exact():
    # All contexts alike: the upper bound is the entropy itself.
    q = [0.5, 0.25, 0.125, 0.125]
    assert bounds_of_shares(q).upper == pytest.approx(1.75)
    # Uniform over 2^k: both are k bits.
    for k in range(6):
        found = bounds_of_shares([2.0**-k] * 2**k)
        assert found.lower == pytest.approx(k) and found.upper == pytest.approx(k)
    assert bounds([1, 1, 1]) == Bounds(0.0, 0.0, 0.0)


def test_bounds_by_hand():
    # Ranks 1 1 1 2: q = ¾, ¼. Upper: the entropy of ¾, ¼; lower: 2 · ¼ · 1 bit.
    found = bounds([1, 1, 2, 1])
    assert found.upper == pytest.approx(2 - 0.75 * math.log2(3))
    assert found.lower == pytest.approx(0.5)
    assert found.bias == pytest.approx(1 / (8 * math.log(2)))
    assert shares([1, 3]) == [0.5, 0.0, 0.5]


@given(st.lists(st.integers(1, 27), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_the_lower_bound_is_a_mean_over_letters(ranks):
    def g(i):
        return i * math.log2(i) - ((i - 1) * math.log2(i - 1) if i > 1 else 0)

    mean = sum(map(g, ranks)) / len(ranks)
    assert bounds(ranks).lower == pytest.approx(mean, abs=1e-9)


def test_the_upper_bound_is_biased_as_stated():
    q = np.array([0.6, 0.2, 0.1, 0.1])
    truth = bounds_of_shares(q.tolist()).upper
    rng = np.random.default_rng(0)
    found = [bounds((rng.choice(4, 100, p=q) + 1).tolist()) for _ in range(2000)]
    plain = np.mean([b.upper for b in found]) - truth
    corrected = np.mean([b.upper + b.bias for b in found]) - truth
    assert plain == pytest.approx(-3 / (200 * math.log(2)), rel=0.25)
    assert abs(corrected) < 0.006  # standard error of the mean of 2000 is 0.003


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    q = np.array([0.6, 0.2, 0.1, 0.1])
    truth, hits = bounds_of_shares(q.tolist()), np.zeros(2)
    rng = np.random.default_rng(1)
    for seed in range(100):
        found = interval((rng.choice(4, 200, p=q) + 1).tolist(), seed, draws=120)
        hits += [
            found.lower[0] <= truth.lower <= found.lower[1],
            found.upper[0] <= truth.upper <= found.upper[1],
        ]
    # 95 of 100, with a standard deviation of 2.2; percentile intervals of
    # 120 draws fall a little short of their level.
    assert (hits / 100 > 0.88).all()


def test_intervals_repeat_and_blocks_widen_them_where_ranks_cluster():
    runs = np.random.default_rng(0).choice([1, 5], 30, p=[0.7, 0.3])
    ranks = np.repeat(runs, 10).tolist()  # ten alike, time and again
    assert interval(ranks, 3, draws=50) == interval(ranks, 3, draws=50)
    single, blocks = (interval(ranks, 3, draws=300, block=b) for b in (1, 30))
    width = [found.lower[1] - found.lower[0] for found in (single, blocks)]
    assert width[1] > 2 * width[0]  # √10 for runs of ten


def test_quantiles_are_numpys():
    values = np.random.default_rng(0).random(37)
    at = [0.025, 0.5, 0.975, 0, 1]
    np.testing.assert_allclose(quantiles(values.tolist(), at), np.quantile(values, at))


def test_folding_to_27_letters():
    assert fold("Don't  panic—it's 42, we’re in!") == "dont panic its were in"
    assert fold("Café Ångström\n\tﬁne") == "cafe angstrom fine"
    assert fold("...") == ""
    assert len(set(ALPHABET)) == 27


@given(st.text(max_size=40))
@settings(max_examples=100, deadline=None)
def test_folded_text_has_no_other_letter_and_folds_to_itself(text):
    assert set(fold(text)) <= set(ALPHABET)
    assert fold(fold(text)) == fold(text)


def test_ranks_by_hand_with_ties_in_the_order_of_ids():
    scores = torch.tensor([[0.1, 0.5, 0.4], [0.2, 0.2, 0.2], [3.0, 1.0, 2.0]])
    assert ranks_of(scores, torch.tensor([0, 2, 0])).tolist() == [3, 3, 1]


TEXT = "the cat sat on the mat and the hat sat on the cat " * 4
LETTERS = tokens.characters([TEXT])


def test_the_ranks_of_an_ngram_model_are_those_of_its_distribution():
    counts = ngram.count([LETTERS.encode(TEXT)], LETTERS, 3)
    model = ngram.kneser_ney(counts)
    found = guess_ranks(model, LETTERS, "the mat")
    ids = LETTERS.encode("the mat")
    for t, token in enumerate(ids):
        p = ngram.distribution(model, [LETTERS.special.doc, *ids[:t]])[4:]
        assert found[t] == 1 + (p > p[token - 4]).sum() + (
            p[: token - 4] == p[token - 4]
        ).sum()
    assert max(found) <= LETTERS.vocab_size - 4  # no special is ever guessed


def test_windows_that_overlap_rank_every_letter_once():
    """A window model gives the same ranks whether it reads in one piece or many."""
    sizes = dict(vocab_size=LETTERS.vocab_size, order=4, embedding=6, width=8)
    whole = redraw(NeuralLMConfig(**sizes).build(), std=0.5)
    pieces = NeuralLMConfig(**sizes, context=16).build()
    pieces.load_state_dict(whole.state_dict())
    expected = guess_ranks(whole, LETTERS, TEXT)
    assert guess_ranks(pieces, LETTERS, TEXT) == expected
    assert len(expected) == len(TEXT) and len(set(expected)) > 3


@pytest.mark.parametrize("length", [1, 7, 8, 9, 15, 16, 17, 40])
def test_every_length_of_text_is_ranked_whole(length):
    model = redraw(ModelConfig(LETTERS.vocab_size, 16, 1, 2, context=8).build())
    assert len(guess_ranks(model, LETTERS, TEXT[:length])) == length


def test_errors_say_what_to_do():
    with pytest.raises(EmptyLossError, match="nothing to count"):
        bounds([])
    with pytest.raises(PretrainError, match="first guess has rank 1"):
        bounds([1, 0])
    with pytest.raises(PretrainError, match="block"):
        interval([1, 2], block=3)
    with pytest.raises(PretrainError, match="fold the text"):
        guess_ranks(ModelConfig(LETTERS.vocab_size).build(), LETTERS, "Zebra")
