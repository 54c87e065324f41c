"""n-grams against NLTK: Lidstone, and interpolated Kneser–Ney.

NLTK takes one discount for every length of context and none for single words, which
it does not mix with a uniform distribution either; the same discounts are given here.
It has no rule for n-grams that begin a text (their continuation counts are 0 there),
so contexts of full length are compared, in which no shorter one begins with <doc>.
"""

import numpy as np
import pytest
from nltk.lm import KneserNeyInterpolated, Lidstone, Vocabulary

from pretrain import tokens
from pretrain.early import ngram

WORDS = ["a", "b", "c", "d", "e"]
LETTERS = tokens.words(WORDS, split="blanks")
DOC = LETTERS.special.doc
FIRST = LETTERS.special.reserved


def text(seed: int, length: int = 60) -> list[int]:
    """Letters of uneven frequency, the last of them left out at times."""
    rng = np.random.default_rng(seed)
    return (FIRST + rng.choice(5, length, p=[0.4, 0.3, 0.15, 0.1, 0.05])).tolist()


def fitted(model, ids: list[int], order: int):
    """NLTK's model of one document, from its n-grams of all orders."""
    names = list(map(str, ids))
    grams = [
        tuple(names[i - k : i + 1])
        for i in range(1, len(ids))
        for k in range(min(order, i + 1))
    ]
    model.fit([grams], vocabulary_text=names)
    return model


@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("discount", [0.1, 0.75])
def test_kneser_ney(order, discount):
    ids = [DOC, *text(order), DOC]
    theirs = fitted(KneserNeyInterpolated(order, discount), ids, order)
    counts = ngram.count([ids[1:-1]], LETTERS, order)
    ours = ngram.kneser_ney(counts, (0.0, *[discount] * (order - 1)))
    probes = np.random.default_rng(9).integers(FIRST, FIRST + 5, (40, order - 1))
    seen = [ids[i : i + order - 1] for i in range(1, 40)]
    compared = set()
    for context in [*probes.tolist(), *seen]:
        p = ngram.distribution(ours, context)
        for w in {*ids}:
            expected = theirs.score(str(w), tuple(map(str, context)))
            # float64, products of at most four numbers
            assert p[w] == pytest.approx(expected, rel=1e-12, abs=1e-15)
            compared.add(round(expected, 9))
    assert len(compared) > 10  # not one number again and again


@pytest.mark.parametrize("k", [0.01, 1.0])
def test_add_k(k):
    ids = [DOC, *text(5), DOC]
    # NLTK shares probability among its vocabulary, which counts an unknown word too.
    known = Vocabulary(map(str, [*range(FIRST, FIRST + 5), DOC]))
    theirs = Lidstone(k, 2, vocabulary=known)
    theirs = fitted(theirs, ids, 2)
    ours = ngram.AddK(ngram.count([ids[1:-1]], LETTERS, 2), k)
    assert len(theirs.vocab) == ours.counts.words
    for context in range(FIRST, FIRST + 5):
        p = ngram.distribution(ours, [context])
        for w in range(FIRST, FIRST + 5):
            expected = theirs.score(str(w), (str(context),))
            assert p[w] == pytest.approx(expected, rel=1e-12)  # one division
