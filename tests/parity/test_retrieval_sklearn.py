"""nDCG, reciprocal rank and hits against scikit-learn, on rankings without ties."""

import numpy as np
import pytest
from sklearn.metrics import (
    label_ranking_average_precision_score,
    ndcg_score,
    top_k_accuracy_score,
)

from pretrain.evaluation.retrieval import hit_at, ndcg_at, reciprocal_rank

RANDOM = np.random.default_rng(0)
SIMILARITY = RANDOM.permuted(np.tile(np.linspace(0, 1, 12), (60, 1)), axis=1)
RIGHT = RANDOM.integers(0, 12, 60)
PAIRS = np.eye(12)[RIGHT]
GRADES = RANDOM.integers(0, 4, (60, 12)) + PAIRS


@pytest.mark.parametrize("k", [None, 1, 3, 12, 20])
def test_ndcg(k):
    for row, grades in zip(SIMILARITY, GRADES, strict=True):
        theirs = ndcg_score(grades[None], row[None], k=k)
        # The same sums of floats in another order.
        assert ndcg_at(row[None], grades[None], k)[0] == pytest.approx(theirs, rel=1e-9)


def test_reciprocal_rank():
    """With one relevant document it is their label ranking average precision."""
    theirs = label_ranking_average_precision_score(PAIRS, SIMILARITY)
    assert reciprocal_rank(SIMILARITY, PAIRS).mean() == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("k", [1, 2, 5, 11])
def test_hits(k):
    theirs = top_k_accuracy_score(RIGHT, SIMILARITY, k=k, labels=range(12))
    assert hit_at(SIMILARITY, PAIRS, k).mean() == pytest.approx(theirs, rel=1e-9)
