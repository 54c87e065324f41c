"""What words alone tell of a sentence pair: a baseline that reads no word order.

    A  Mira has a cat .          shared words, and how rare they are
    B  It sat on the mat .       the two topics, and how they go together

A logistic regression sees the two segments as bags of words. ``"together"``: only what
is the same for (A, B) and (B, A): shared words, and products of the two in a space of
topics (the leading singular vectors of the bags, that is, latent semantic analysis).
Of a swap it can know nothing, so it is at chance on SOP by construction. ``"apart"``:
the bag of each segment as well, which can know that "it" and "so" belong to a second
one.

If the first is right about NSP, then NSP can be solved without reading, by asking
whether two segments are of one topic: the conjecture of @lan2020albert.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from pretrain.errors import PretrainError
from pretrain.evaluation.bootstrap import Interval, bootstrap, mean
from pretrain.objectives.pairs import PairBatch, Pairs
from pretrain.random import generator_for

ROWS = 200


@dataclass(frozen=True)
class Bags:
    """Pairs as counts: first and second (n,V), and labels (n,), 1 where false."""

    first: np.ndarray
    second: np.ndarray
    labels: np.ndarray


def bags(objective: Pairs, corpus, split: str, n: int, seed: int = 0) -> Bags:
    """``n`` pairs of an objective, unmasked. Fewer if the split ends before.

    Raises PretrainError for an objective without a pair loss.
    """
    if objective.kind is None:
        raise PretrainError("these pairs have no labels: choose kind 'nsp' or 'sop'")
    plain = replace(objective, masked=None)
    found, count = [], 0
    pieces = plain.read(corpus, split, seed, rows=ROWS, length=512)
    for i, piece in enumerate(pieces):
        batch = plain(piece, corpus.tokenizer, generator_for(seed, i))
        found.append(_counts(batch, corpus.tokenizer))
        count += len(piece)
        if count >= n:
            break
    parts = zip(*found, strict=True)
    return Bags(*(np.concatenate(part)[:n] for part in parts))


def _counts(batch: PairBatch, tokenizer) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    tokens = batch.inputs.numpy()
    ordinary = tokens >= tokenizer.special.reserved
    sides = []
    for side in (0, 1):
        counts = np.zeros((len(tokens), tokenizer.vocab_size), dtype=np.float32)
        row, column = np.nonzero(ordinary & (batch.segments.numpy() == side))
        np.add.at(counts, (row, tokens[row, column]), 1)
        sides.append(counts)
    return sides[0], sides[1], batch.labels.numpy()


def accuracy(
    train: Bags,
    test: Bags,
    sees: Literal["together", "apart"] = "together",
    topics: int = 32,
    seed: int = 0,
) -> Interval:
    """The baseline's accuracy on ``test``, with a 95 % interval over couples.

    Rows 2i and 2i+1 of NSP hold the same segments, so couples are what is resampled.
    Raises PretrainError for another ``sees``, and when the test pairs are odd.
    """
    _known(sees)
    if len(test.labels) % 2:
        raise PretrainError(
            f"{len(test.labels)} test pairs: give an even number, for they come in twos"
        )
    right = verdicts(train, test, sees, topics) == test.labels
    return bootstrap(mean, right.reshape(-1, 2).astype(float), seed=seed)


def verdicts(
    train: Bags,
    test: Bags,
    sees: Literal["together", "apart"] = "together",
    topics: int = 32,
) -> np.ndarray:
    """The labels (n,) that the baseline gives to ``test``: 1 where it says false.

    Raises PretrainError for another ``sees``.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    _known(sees)
    with threadpool_limits(1):
        space = _Topics(train, topics)
        x, y = (space.features(side, sees) for side in (train, test))
        center, spread = x.mean(0), x.std(0) + 1e-6
        probe = LogisticRegression(C=0.1, max_iter=500)
        probe.fit((x - center) / spread, train.labels)
        return probe.predict((y - center) / spread)


def _known(sees: str) -> None:
    if sees not in ("together", "apart"):
        raise PretrainError(f'sees is "together" or "apart", not {sees!r}')


class _Topics:
    """How rare words are, and the leading singular vectors of weighted bags."""

    def __init__(self, train: Bags, topics: int) -> None:
        both = np.concatenate([train.first, train.second]) > 0
        self.rarity = np.log((1 + len(both)) / (1 + both.sum(0))).astype(np.float32)
        weighted = _unit(both * self.rarity)
        _, vectors = np.linalg.eigh(weighted.T @ weighted)  # ascending
        self.vectors = vectors[:, ::-1][:, :topics]  # (V,K)

    def features(self, bags: Bags, sees: str) -> np.ndarray:
        first, second = bags.first > 0, bags.second > 0
        a, b = _unit(first * self.rarity), _unit(second * self.rarity)
        u, v = a @ self.vectors, b @ self.vectors  # (n,K)
        shared = first & second
        alike = [
            shared.sum(1),
            shared.sum(1) / np.maximum((first | second).sum(1), 1),
            (shared * self.rarity).sum(1),
            (a * b).sum(1),
            (_unit(u) * _unit(v)).sum(1),
        ]
        columns = [np.stack(alike, 1), u * v]
        if sees == "apart":
            columns += [first, second]
        return np.concatenate(columns, 1).astype(np.float64)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)
