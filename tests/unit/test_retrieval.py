"""Rankings, by hand and against shuffles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pretrain.errors import PretrainError
from pretrain.evaluation.retrieval import (
    hit_at,
    ndcg_at,
    recall_at,
    reciprocal_rank,
)

SIMILARITY = np.array([[0.9, 0.2, 0.7, 0.1], [0.1, 0.4, 0.3, 0.2]])
RELEVANT = np.array([[0, 0, 1, 1], [0, 1, 0, 0]])


def test_by_hand():
    """Query 1 ranks its two relevant documents 2nd and 4th, query 2 its one 1st."""
    assert recall_at(SIMILARITY, RELEVANT, 1).tolist() == [0, 1]
    assert recall_at(SIMILARITY, RELEVANT, 2).tolist() == [0.5, 1]
    assert recall_at(SIMILARITY, RELEVANT, 9).tolist() == [1, 1]
    assert hit_at(SIMILARITY, RELEVANT, 2).tolist() == [1, 1]
    assert reciprocal_rank(SIMILARITY, RELEVANT).tolist() == [0.5, 1]
    gained = 1 / np.log2(3) + 1 / np.log2(5)
    best = 1 + 1 / np.log2(3)
    np.testing.assert_allclose(ndcg_at(SIMILARITY, RELEVANT), [gained / best, 1])


def test_a_collapsed_model_finds_nothing():
    """All similarities equal: the diagonal must not look like a perfect hit."""
    Q = 10
    same, pairs = np.zeros((Q, Q)), np.eye(Q)
    assert hit_at(same, pairs, Q - 1).max() == 0
    np.testing.assert_allclose(reciprocal_rank(same, pairs), 1 / Q)
    np.testing.assert_allclose(ndcg_at(same, pairs), 1 / np.log2(Q + 1))


def test_chance():
    """A random ranking of N: recall@k is k/N, the mean reciprocal rank H_N/N."""
    N, Q = 8, 4000
    similarity = np.random.default_rng(0).random((Q, N))
    relevance = np.zeros((Q, N))
    relevance[:, 3] = 1
    # Five standard errors of Q draws between 0 and 1.
    near = dict(abs=5 * 0.5 / Q**0.5)
    assert recall_at(similarity, relevance, 2).mean() == pytest.approx(2 / N, **near)
    harmonic = sum(1 / r for r in range(1, N + 1)) / N
    found = reciprocal_rank(similarity, relevance).mean()
    assert found == pytest.approx(harmonic, **near)


@given(st.permutations(range(6)), st.integers(1, 6))
def test_the_order_of_the_documents_does_not_matter(order, k):
    random = np.random.default_rng(0)
    similarity = random.integers(0, 3, (5, 6)) / 2  # with ties
    relevance = random.integers(0, 4, (5, 6)) + np.eye(5, 6)
    for measure in (recall_at, hit_at, ndcg_at):
        np.testing.assert_allclose(
            measure(similarity, relevance, k),
            measure(similarity[:, order], relevance[:, order], k),
            rtol=1e-12,  # sums of the same numbers
        )


@pytest.mark.parametrize(
    "similarity, relevance, k, told",
    [
        ([[1.0, 2.0]], [[1]], 1, "two tables"),
        ([[1.0, np.nan]], [[1, 0]], 1, "look for NaN"),
        ([[1.0, 2.0]], [[-1, 1]], 1, "look for NaN"),
        ([[1.0, 2.0]], [[0, 0]], 1, "leave it out"),
        ([[1.0, 2.0]], [[0, 1]], 0, "1 or more"),
    ],
)
def test_bad_input_is_told(similarity, relevance, k, told):
    with pytest.raises(PretrainError, match=told):
        recall_at(similarity, relevance, k)
