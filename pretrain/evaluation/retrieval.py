r"""Retrieval: does what belongs to a query stand near the top of the ranking?

    similarity of query 1 to documents   0.9  0.2  0.7        rank of the relevant one
    relevant                              no   no  yes    →   2: recall@1 = 0,
                                                              reciprocal rank = 1/2

Every function takes similarities (Q, N) of Q queries and N documents, and relevance
(Q, N), true or a grade of 0 or more, and gives a number for each query: (Q,). Their
mean and interval are ``bootstrap(mean, recall_at(…))``. For pairs, as in contrastive
learning, relevance is ``np.eye(Q)``.

Equal similarities count against the model: of two that tie, the less relevant one
ranks higher. A model that gives all documents the same number has found nothing; where
ties are broken by position, the diagonal of such a matrix can look perfect.
"""

import numpy as np

from pretrain.errors import PretrainError


def ranked(similarity: np.ndarray, relevance: np.ndarray) -> np.ndarray:
    """The relevance of the documents in the order of their similarity: (Q, N).

    Raises PretrainError for shapes that differ, a similarity that is not a number, a
    negative grade, and a query without any relevant document.
    """
    similarity = np.asarray(similarity, dtype=float)
    relevance = np.asarray(relevance, dtype=float)
    if similarity.ndim != 2 or similarity.shape != relevance.shape:
        raise PretrainError(
            f"similarities {similarity.shape} and relevance {relevance.shape}: give "
            "two tables of queries by documents"
        )
    if np.isnan(similarity).any() or not (relevance >= 0).all():
        raise PretrainError(
            "similarities have to be numbers, and relevance 0 or more: look for NaN"
        )
    if not (relevance > 0).any(axis=1).all():
        raise PretrainError(
            "a query has no relevant document, so no ranking serves it: leave it out"
        )
    order = np.lexsort((relevance, -similarity), axis=-1)  # by similarity first
    return np.take_along_axis(relevance, order, axis=1)


def recall_at(similarity: np.ndarray, relevance: np.ndarray, k: int) -> np.ndarray:
    """The share of a query's relevant documents among its first k: (Q,)."""
    found = ranked(similarity, relevance) > 0
    return found[:, : _first(k)].sum(1) / found.sum(1)


def hit_at(similarity: np.ndarray, relevance: np.ndarray, k: int) -> np.ndarray:
    """1 where a relevant document is among the first k, else 0: (Q,).

    With one relevant document a query, as in CLIP's tables, it is recall at k.
    """
    found = ranked(similarity, relevance) > 0
    return found[:, : _first(k)].any(1).astype(float)


def reciprocal_rank(similarity: np.ndarray, relevance: np.ndarray) -> np.ndarray:
    """1 / rank of the first relevant document: (Q,). Their mean is the MRR."""
    found = ranked(similarity, relevance) > 0
    return 1 / (found.argmax(1) + 1)


def ndcg_at(
    similarity: np.ndarray, relevance: np.ndarray, k: int | None = None
) -> np.ndarray:
    """Discounted gain over the best possible one, among the first k (or all): (Q,).

    The document at rank r gains its grade / log₂(r + 1). @jarvelin2002cumulated (with
    the grade itself as the gain; 2^grade − 1 is another convention).
    """
    grades = ranked(similarity, relevance)
    best = -np.sort(-grades, axis=1)
    discount = 1 / np.log2(np.arange(grades.shape[1]) + 2)
    if k is not None:
        discount[_first(k) :] = 0
    return grades @ discount / (best @ discount)


def _first(k: int) -> int:
    if k < 1:
        raise PretrainError(f"the first {k} documents: give 1 or more")
    return k
