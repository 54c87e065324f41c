"""Bootstrap intervals: how far would a number move on other documents?

    documents   d1 d2 d3 d4 d5         statistic   0.42
    resample 1  d3 d1 d3 d5 d2                     0.44
    resample 2  d5 d5 d1 d4 d4                     0.39   … 2,000 times
    interval    the middle 95 % of these numbers

Units that are independent of one another are drawn with replacement: documents, or
questions, never the tokens inside them, which go together. What belongs to one unit is
drawn together, so that a difference of two models on the same documents is paired:
what makes a document hard for both cancels.

An interval speaks of the units that were drawn, and not of other seeds of the training:
that takes several runs. With fewer than some 20 units it is too short.

Cost: n calls of the statistic, 2,000 of a mean over 1,000 documents in 60 ms.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, Protocol

import numpy as np

from pretrain.errors import EmptyLossError, PretrainError

Statistic = Callable[..., float]


@dataclass(frozen=True)
class Interval:
    """A value, and the bounds that the bootstrap puts around it."""

    value: float
    low: float
    high: float

    @property
    def interval(self) -> tuple[float, float]:
        """(low, high), as `likelihood.Estimate` has it."""
        return self.low, self.high

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


def bootstrap(
    statistic: Statistic,
    *arrays: np.ndarray | Sequence,
    n: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    method: Literal["percentile", "bca"] = "percentile",
) -> Interval:
    """The statistic of the arrays, with an interval over their first axis.

    ``statistic(*arrays)`` is one number. Its arrays share their first axis, of
    independent units, and are resampled with the same indices. ``"bca"`` corrects for
    bias and skewness, at the cost of one more call for every unit. The same seed gives
    the same interval. @efron1987better

    One unit alone says nothing about how units differ: its bounds are NaN. Raises
    EmptyLossError without units, PretrainError for arrays of different lengths, a
    level outside (0, 1), and a statistic that some resample leaves undefined.
    """
    if not 0 < level < 1 or n < 1 or method not in ("percentile", "bca"):
        raise PretrainError(
            f"a bootstrap of n={n}, level={level}, method={method!r} does not work: "
            "n ≥ 1, 0 < level < 1, and method percentile or bca"
        )
    arrays = tuple(np.asarray(array) for array in arrays)
    units = _units(arrays)
    value = float(statistic(*arrays))
    if units == 1:
        return Interval(value, np.nan, np.nan)
    generator = np.random.default_rng(seed)
    values = np.empty(n)
    for i in range(n):
        drawn = generator.integers(0, units, units)
        values[i] = statistic(*(array[drawn] for array in arrays))
    _defined(value, values)
    tail = (1 - level) / 2
    shares = np.array([tail, 1 - tail])
    if method == "bca":
        shares = _corrected(shares, value, values, statistic, arrays)
    low, high = np.quantile(values, shares)
    return Interval(value, float(low), float(high))


# -- statistics to hand over ------------------------------------------------------


def mean(values: np.ndarray) -> float:
    """The mean over all that is given: (n, …) to one number."""
    return float(np.mean(values))


def ratio_of_sums(totals: np.ndarray, counts: np.ndarray) -> float:
    """Σ totals / Σ counts, NaN where nothing was counted.

    So a loss is averaged over tokens while documents are resampled.
    """
    count = np.sum(counts)
    return float(np.sum(totals) / count) if count else float("nan")


def difference(statistic: Statistic) -> Statistic:
    """The statistic of the first half of the arrays minus that of the second half.

    ``bootstrap(difference(ratio_of_sums), nats_a, counts_a, nats_b, counts_b)`` pairs
    two models document by document.
    """

    def of(*arrays: np.ndarray) -> float:
        half, odd = divmod(len(arrays), 2)
        if odd:
            raise PretrainError(
                f"a difference needs two equal halves, and got {len(arrays)} arrays: "
                "give those of the first system, then those of the second"
            )
        return statistic(*arrays[:half]) - statistic(*arrays[half:])

    return of


# -- losses, document by document -------------------------------------------------


class Scored(Protocol):
    """What `likelihood.evaluate`, rolling windows and pseudo-likelihoods return."""

    nats: np.ndarray
    counts: np.ndarray


def score_interval(score: Scored, **options) -> Interval:
    """Nats per scored token with its interval over documents."""
    return bootstrap(ratio_of_sums, score.nats, score.counts, **options)


def compare(first: Scored, second: Scored, **options) -> Interval:
    """By how many nats per token the first pays more, paired by document.

    Raises PretrainError unless both were scored on the same number of tokens in each
    document: losses of different tokens do not compare.
    """
    if not np.array_equal(first.counts, second.counts):
        raise PretrainError(
            "the two were not scored on the same tokens of the same documents: "
            "evaluate both on one evaluation set"
        )
    return bootstrap(
        ratio_of_sums, first.nats - second.nats, first.counts, **options
    )


# -- inside -----------------------------------------------------------------------


def _units(arrays: tuple[np.ndarray, ...]) -> int:
    """How many independent units the arrays hold, checked."""
    shapes = [array.shape for array in arrays]
    if not shapes or not all(shapes) or len({shape[0] for shape in shapes}) != 1:
        raise PretrainError(
            f"arrays of shapes {shapes} cannot be resampled together: give one or "
            "more, whose first axes are the same units"
        )
    if not shapes[0][0]:
        raise EmptyLossError("there are no units to resample: give one or more")
    return shapes[0][0]


def _defined(value: float, values: np.ndarray) -> None:
    undefined = int(np.isnan(values).sum())
    if undefined or np.isnan(value):
        where = "on all units" if np.isnan(value) else f"on {undefined} resamples"
        raise PretrainError(
            f"the statistic is not a number {where} (of {len(values)}): some hold none "
            "of what it divides by, so give more units or a statistic defined on any"
        )


def _corrected(
    shares: np.ndarray,
    value: float,
    values: np.ndarray,
    statistic: Statistic,
    arrays: tuple[np.ndarray, ...],
) -> np.ndarray:
    """The shares (2,) that BCa reads off, instead of 2.5 % and 97.5 %."""
    normal = NormalDist()
    below = ((values < value).mean() + (values <= value).mean()) / 2
    if not 0 < below < 1:
        raise PretrainError(
            "the statistic of all units lies beyond that of every resample, so BCa has "
            "no correction for its bias: use method='percentile'"
        )
    bias = normal.inv_cdf(below)
    keep = ~np.eye(len(arrays[0]), dtype=bool)  # one row leaves one unit out
    left = np.array([statistic(*(a[row] for a in arrays)) for row in keep])
    pull = left.mean() - left
    spread = (pull**2).sum() ** 1.5
    skew = (pull**3).sum() / (6 * spread) if spread else 0.0
    moved = [bias + normal.inv_cdf(share) for share in shares]
    return np.array([normal.cdf(bias + z / (1 - skew * z)) for z in moved])
