"""Lookups: exact probabilities against enumeration of all mappings."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pretrain.corpora.lookups import Lookups
from pretrain.errors import PretrainError


def enumerated(corpus: Lookups, tokens: list[int]) -> float:
    """log p of a document, summed over every mapping."""
    n, first = corpus.choices, corpus.tokenizer.special.reserved
    pairs = np.array(tokens).reshape(-1, 2) - first
    total = 0.0
    for mapping in product(range(n), repeat=n):
        p = 1.0
        for animal, color in pairs:
            right = mapping[animal] == color - n
            said = 1 - corpus.noise if right else corpus.noise / (n - 1)
            p *= said / n
        total += p / n**n
    return float(np.log(total))


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.1, 0.4]))
def test_surprisals_add_up_to_the_enumerated_probability(seed, noise):
    corpus = Lookups(pairs=6, noise=noise, choices=3)
    tokens = next(corpus.stream("train", seed))
    # float64, sums of a few dozen logarithms
    assert corpus.surprisals(tokens).sum() == pytest.approx(
        -enumerated(corpus, tokens), abs=1e-9
    )


def test_without_noise_one_showing_is_enough():
    corpus = Lookups(pairs=16, noise=0.0, choices=4)
    for document in corpus.heldout(n=20):
        shots, p = corpus.predictive(document.tokens)
        assert p[shots == 0] == pytest.approx(0.25)
        assert (p[shots > 0].max(-1) == 1).all()


def test_shots_count_what_was_shown():
    corpus = Lookups(pairs=4, choices=3)
    ids = corpus.tokenizer.encode("cat red dog blue cat red cat green")
    shots, _ = corpus.predictive(ids)
    assert shots.tolist() == [0, 0, 1, 2]


def test_fresh_colors_cannot_be_known():
    corpus = Lookups(repeated=False)
    tokens = corpus.heldout(n=1)[0].tokens
    colors = corpus.surprisals(tokens)[1:-1:2]
    assert colors == pytest.approx(np.log(corpus.choices))


def test_the_share_of_noise_is_as_asked():
    corpus = Lookups(pairs=40, noise=0.25, choices=2, size=300)
    wrong = total = 0
    for document in corpus.heldout():
        pairs = np.array(document.tokens).reshape(-1, 2)
        for animal in np.unique(pairs[:, 0]):
            colors = pairs[pairs[:, 0] == animal, 1]
            rarer = min(np.mean(colors == c) for c in np.unique(colors))
            wrong += rarer * len(colors) if len(np.unique(colors)) > 1 else 0
            total += len(colors)
    # 12,000 colors: a standard error of 0.004; some 20 showings each, so the rarer
    # color is the wrong one but for chances below one in a hundred
    assert wrong / total == pytest.approx(0.25, abs=0.02)


def test_streams_repeat_and_splits_differ():
    corpus = Lookups(size=3)
    first = [ids for ids, _ in zip(corpus.stream("train", 1), range(3), strict=False)]
    again = [ids for ids, _ in zip(corpus.stream("train", 1), range(3), strict=False)]
    assert first == again
    validation, test = list(corpus.stream("validation")), list(corpus.stream("test"))
    assert len(validation) == 3 and validation != test and validation != first


@pytest.mark.parametrize(
    "options", [{"pairs": 0}, {"noise": 1.5}, {"choices": 1}, {"choices": 9}]
)
def test_refusals(options):
    with pytest.raises(PretrainError, match="give 1 pair"):
        Lookups(**options)
