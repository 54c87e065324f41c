"""How a trend is judged: by an interval over seeds, not by eye.

    accuracy at 40 % − accuracy at 15 %     +0.041  +0.055  +0.048     three seeds
    mean and 95 % interval                  +0.048 [+0.031, +0.065]
    expected above 0                        found

A claim is a weighted sum of one measure over arms, made seed by seed: the arms of a
seed share their initial weights and their stream of documents, so what a seed does to
all of them cancels. The interval is Student's, over seeds (@student1908probable). It
speaks of this training on this language, not of other languages or sizes; and where an
experiment makes several claims, each has its own 95 %.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pretrain.errors import PretrainError
from pretrain.evaluation.bootstrap import Interval

# 97.5 % quantiles of Student's distribution for 1, 2, 3, … degrees of freedom.
QUANTILES = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
    2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930,
)  # fmt: skip

Values = Mapping[str, Mapping[str, np.ndarray]]
"""arm → measure → (seeds,) values, in the order of the seeds."""


@dataclass(frozen=True)
class Claim:
    """One expectation, written before the runs.

    says: the sentence that is found or not found.
    measure: which measure.  contrast: arm → weight, such as {"a": 1, "b": -1}.
    direction: the sum is expected "above" the margin, "below" minus the margin, or
        "within" the margin on either side.
    """

    says: str
    measure: str
    contrast: Mapping[str, float]
    direction: Literal["above", "below", "within"] = "above"
    margin: float = 0.0

    def __post_init__(self) -> None:
        known = self.direction in ("above", "below", "within")
        if not known or self.margin < 0 or not self.contrast:
            raise PretrainError(
                f"the claim {self.says!r} cannot be judged: it needs a contrast of "
                "arms, a direction above, below or within, and a margin of 0 or more"
            )
        if self.direction == "within" and not self.margin:
            raise PretrainError(
                f"the claim {self.says!r} is of no difference: give the margin that "
                "counts as none"
            )

    def judge(self, values: Values) -> "Verdict":
        """The contrast over all seeds, and whether it is as expected."""
        missing = [arm for arm in self.contrast if arm not in values]
        if missing:
            raise PretrainError(
                f"the claim {self.says!r} speaks of arms that were not run: "
                f"{', '.join(missing)}"
            )
        each = sum(
            weight * np.asarray(values[arm][self.measure])
            for arm, weight in self.contrast.items()
        )
        found = over_seeds(each)
        return Verdict(self, found, self._word(found))

    def _word(self, found: Interval) -> str:
        low, high, margin = found.low, found.high, self.margin
        if math.isnan(low):
            return "one seed says nothing"
        if self.direction == "within":
            return "found" if -margin < low and high < margin else "not found"
        if self.direction == "below":
            low, high = -high, -low
        if low > margin:
            return "found"
        return "not found: the opposite" if high < -margin else "not found"


@dataclass(frozen=True)
class Verdict:
    """A claim, its contrast with an interval over seeds, and the word on it."""

    claim: Claim
    found: Interval
    word: str


def over_seeds(values: np.ndarray) -> Interval:
    """The mean of (seeds,) values with Student's 95 % interval; NaN for one seed."""
    values = np.asarray(values, dtype=np.float64)
    if not values.size or not np.isfinite(values).all():
        raise PretrainError(
            "an interval over seeds needs one finite number a seed: run the seeds that "
            "are missing"
        )
    n = len(values)
    if n == 1:
        return Interval(float(values[0]), math.nan, math.nan)
    half = quantile(n - 1) * values.std(ddof=1) / math.sqrt(n)
    mean = values.mean()
    return Interval(float(mean), float(mean - half), float(mean + half))


def quantile(freedom: int) -> float:
    """The 97.5 % quantile of Student's distribution, by a table and its expansion."""
    if freedom <= len(QUANTILES):
        return QUANTILES[freedom - 1]
    z = 1.959964
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (
        96 * freedom**2
    )
