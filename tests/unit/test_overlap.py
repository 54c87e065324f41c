"""BLEU and ROUGE by hand, and the paired bootstrap. Libraries: tests/parity."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pretrain.errors import PretrainError
from pretrain.evaluation.bootstrap import bootstrap
from pretrain.evaluation.overlap import (
    bleu,
    bleu_counts,
    longest_common,
    paired,
    rouge_l,
    rouge_n,
)

short = st.text("abc", max_size=6)


def test_the_example_of_papineni():
    """Seven times "the" matches twice, since the reference has it twice (§2.1)."""
    counts = bleu_counts(["the the the the the the the"], ["the cat is on the mat"])
    assert counts[0].tolist() == [7, 6, 2, 0, 0, 0, 7, 6, 5, 4]


def test_bleu_by_hand():
    counts = bleu_counts(["the cat lay on the mat"], ["the cat sat on the mat"])
    assert counts[0].tolist() == [6, 6, 5, 3, 1, 0, 6, 5, 4, 3]
    expected = (5 / 6 * 3 / 5 * 1 / 4 * (1 / 2) / 3) ** 0.25
    assert bleu(counts) == pytest.approx(expected, rel=1e-12)  # float64
    assert bleu(counts, "none") == 0


def test_a_short_candidate_pays_the_brevity_penalty():
    counts = bleu_counts(["the cat sat on"], ["the cat sat on the mat"])
    assert bleu(counts) == pytest.approx(math.exp(1 - 6 / 4), rel=1e-12)


def test_bleu_of_a_corpus_is_no_mean_over_sentences():
    candidates = ["a b c d e f g h", "x"]
    counts = bleu_counts(candidates, ["a b c d e f g h", "y"])
    assert bleu(counts[:1]) == 1 and bleu(counts[1:]) == 0
    expected = (8 / 9) ** 0.25  # one unigram of nine is wrong, all longer runs right
    assert bleu(counts) == pytest.approx(expected, rel=1e-12)


def test_rouge_by_hand():
    found = rouge_n("The cat sat.", "the cat sat on the mat", 1)
    assert (found.precision, found.recall) == (1, 0.5)
    assert found.f1 == pytest.approx(2 / 3, rel=1e-12)
    assert rouge_l("on the mat the cat", "the cat on the mat").recall == 3 / 5
    assert rouge_l("", "a").f1 == rouge_n("a", "a", 2).f1 == 0


@given(short, short)
def test_longest_common_is_the_best_of_all_subsequences(a, b):
    def subsequences(text):
        return {
            tuple(c for i, c in enumerate(text) if chosen >> i & 1)
            for chosen in range(2 ** len(text))
        }

    best = max(map(len, subsequences(a) & subsequences(b)))
    assert longest_common(a, b) == best


def test_bad_input_is_told():
    with pytest.raises(PretrainError, match="same length"):
        bleu_counts(["a"], [])
    with pytest.raises(PretrainError, match="no reference"):
        bleu_counts(["a"], [[]])
    with pytest.raises(PretrainError, match="exp"):
        bleu(bleu_counts(["a"], ["a"]), "floor")
    with pytest.raises(PretrainError, match="bleu_counts"):
        bleu(np.zeros(3))
    with pytest.raises(PretrainError, match="1 or more"):
        rouge_n("a", "a", 0)


# -- the paired bootstrap -----------------------------------------------------------


def systems(n=60, seed=0):
    """Sentences of very different difficulty; A gets one word more right than B."""
    random = np.random.default_rng(seed)
    references, a, b = [], [], []
    for _ in range(n):
        words = [f"w{i}" for i in random.integers(0, 30, 12)]
        wrong = int(random.integers(1, 11))
        references.append(" ".join(words))
        a.append(" ".join(["x"] * (wrong - 1) + words[wrong - 1 :]))
        b.append(" ".join(["x"] * wrong + words[wrong:]))
    return bleu_counts(a, references), bleu_counts(b, references)


def test_pairing_sees_what_separate_intervals_do_not():
    a, b = systems()
    found = paired(bleu, a, b, n=300)
    assert found.difference.low > 0 and found.share_better == 1
    assert found.difference.value == pytest.approx(bleu(a) - bleu(b), abs=1e-15)
    apart_a, apart_b = bootstrap(bleu, a, n=300), bootstrap(bleu, b, n=300)
    assert apart_a.low < apart_b.high, "the separate intervals overlap"


def test_a_system_is_no_better_than_itself():
    a, _ = systems(20)
    found = paired(bleu, a, a, n=50)
    assert found.difference.interval == (0, 0) and found.share_better == 0.5


def test_chance_alone_decides_nothing():
    """Two systems that err at random in the same way: the interval holds 0."""
    random = np.random.default_rng(1)
    scores = random.random((2, 200))
    found = paired(np.mean, *scores, n=500)
    assert found.difference.low < 0 < found.difference.high
    assert 0.025 < found.share_better < 0.975  # the same statement, as a share
