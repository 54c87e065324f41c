"""Where a loss curve is heading: L(t) = E + A t^−α, with a floor and intervals.

    loss |*                      E  irreducible loss: the floor, nats
         | **                    A  height above the floor at step 1, nats
         |    *****              α  exponent
       E |- - - - - -*********
         +--------------------- step t

Without E, a line through log loss against log step, a curve that bends towards its
floor looks like one with a small exponent that goes on for ever: it promises losses
that no amount of training reaches [@henighan2020scaling; @hoffmann2022training].

For a given α the best E and A are a weighted straight line on t^−α, in closed form; α
is found on a grid, then on finer ones. The steps are first averaged in bins, equally
wide in log step, and t^−α over the same bins, so nothing is lost to curvature. The
weights say that the noise is a share of the loss.

Intervals are percentiles of a block bootstrap: blocks of residuals, long enough to keep
what neighboring steps have in common, are put on the fitted curve and fitted again.
They hold if the curve is such a power law, with the learning rate's schedule as
it is. It is a description of one run. A scaling law is about many runs, over
parameters and data [@kaplan2020scaling].
"""

from dataclasses import dataclass

import numpy as np

from pretrain.curves.smoothing import as_curve
from pretrain.errors import PretrainError
from pretrain.random import Counter

EXPONENTS = np.geomspace(0.02, 3.0, 121)  # the grid for α
BINS = 100
FEWEST = 50  # finite values that a fit takes


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PowerLaw:
    """A fitted curve. ``replicates`` (R, 3): floor, height, exponent of each refit."""

    floor: Interval
    height: Interval
    exponent: Interval
    replicates: np.ndarray

    def predict(self, step: float) -> Interval:
        """The loss of the curve, without a batch's noise, at a step of 1 or more."""
        if not step >= 1:
            raise PretrainError(f"step {step} cannot be predicted: steps start at 1")
        floor, height, exponent = self.replicates.T
        power = float(step) ** -self.exponent.value
        best = self.floor.value + self.height.value * power
        return interval(best, floor + height * float(step) ** -exponent)

    def steps_to(self, target: float) -> Interval:
        """The step at which the curve reaches ``target`` nats.

        The upper end is infinite where more than one refit in forty never gets there.
        Raises: PretrainError when the target is not above the floor's interval.
        """
        if not target > self.floor.high:
            raise PretrainError(
                f"a loss of {target:g} nats is not above the floor of this curve, "
                f"{self.floor.value:.3f} (95 % interval {self.floor.low:.3f} to "
                f"{self.floor.high:.3f}): no number of steps is known to reach it"
            )

        def steps(floor, height, exponent):
            with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
                ratio = np.maximum(target - floor, 0.0) / height  # 0: never
                return np.where(height > 0, ratio ** (-1 / exponent), np.inf)

        best = steps(self.floor.value, self.height.value, self.exponent.value)
        return interval(float(best), steps(*self.replicates.T))


def interval(value: float, draws: np.ndarray) -> Interval:
    """Percentiles 2.5 and 97.5 by rank (infinite draws allowed), and the value."""
    ranked = np.sort(draws)
    last = len(ranked) - 1
    low, high = ranked[round(0.025 * last)], ranked[round(0.975 * last)]
    return Interval(float(value), float(low), float(high))


@dataclass(frozen=True)
class Bins:
    """Steps (n,) in bins equally wide in log step: first index and count (M,)."""

    step: np.ndarray
    first: np.ndarray
    count: np.ndarray

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Means in every bin, (..., n) to (..., M)."""
        return np.add.reduceat(values, self.first, axis=-1) / self.count


def make_bins(step: np.ndarray) -> Bins:
    span = np.log(step[-1] / step[0])
    which = np.minimum((BINS * np.log(step / step[0]) / span).astype(int), BINS - 1)
    first = np.flatnonzero(np.r_[True, np.diff(which) > 0])
    return Bins(step, first, np.diff(np.r_[first, len(step)]))


def lines(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
    """Weighted lines y ≈ E + A x, E ≥ 0: E, A and the weighted squares left over.

    Args: x (M,), y (R, M), weights w (M,). Returns: three of shape (R,).
    """
    w = w / w.sum()
    x0, y0 = w @ x, y @ w
    height = (y - y0[:, None]) @ (w * (x - x0)) / (w @ (x - x0) ** 2)
    floor = y0 - height * x0
    through = (y @ (w * x)) / (w @ x**2)  # the line through 0, where E would be below
    height = np.where(floor < 0, through, height)
    floor = np.maximum(floor, 0.0)
    rest = y - floor[:, None] - height[:, None] * x
    return floor, height, rest**2 @ w


def fit_rows(
    bins: Bins, y: np.ndarray, w: np.ndarray, finer: int = 4
) -> np.ndarray:
    """Floor, height, exponent of every row of binned losses y (R, M): (R, 3)."""
    best = np.full(len(y), np.inf)
    found = np.zeros((len(y), 3))
    width = np.log(EXPONENTS[1] / EXPONENTS[0])

    def attempt(exponents: np.ndarray, rows: np.ndarray) -> None:
        for exponent in exponents:
            x = bins.mean(bins.step**-exponent)
            floor, height, rest = lines(x, y[rows], w)
            better = rest < best[rows]
            at = rows[better]
            best[at] = rest[better]
            found[at] = np.stack(
                (floor[better], height[better], np.full(len(at), exponent)), axis=1
            )

    attempt(EXPONENTS, np.arange(len(y)))
    # Finer grids around each best exponent; rows that share one are done together.
    for _ in range(finer):
        center = found[:, 2].copy()
        for exponent in np.unique(center):
            rows = np.flatnonzero(center == exponent)
            attempt(exponent * np.exp(width * np.linspace(-0.8, 0.8, 9)), rows)
        width /= 4
    return found


def power_law(
    loss, step=None, *, replicates: int = 200, seed: int = 0, since: float = 1
) -> PowerLaw:
    """Fit E + A t^−α to a loss curve, with bootstrap intervals.

    Args:
        loss: nats a step, (n,), neither smoothed nor thinned; values that are not
            finite are left out.
        step: the steps t, (n,), increasing, counted from the start of training;
            1 to n without.
        replicates: refits under the intervals; ``seed``: of their draws.
        since: first step to use, 1 or more, such as the end of the warm-up.
    Raises: PretrainError for fewer than 50 values, or a loss that does not fall.
    """
    values, keep = as_curve(loss)
    steps = np.arange(1, len(values) + 1) if step is None else np.asarray(step)
    if steps.shape != values.shape or (len(steps) > 1 and np.diff(steps).min() <= 0):
        raise PretrainError("give one step a loss, and steps that increase")
    if not since >= 1:
        raise PretrainError(f"since is {since}: a power law starts at step 1 or later")
    keep = keep & (steps >= since)
    y, t = values[keep], steps[keep].astype(float)
    if len(y) < FEWEST:
        raise PretrainError(
            f"{len(y)} finite values from step {since} on are too few for a power law: "
            f"it takes {FEWEST}"
        )
    if y.min() < 0:
        raise PretrainError("the loss is negative: a cross-entropy is never below 0")
    bins = make_bins(t)
    start = bins.mean(y)
    fitted, weight = start, np.ones(len(start))
    floor = height = exponent = 0.0
    for _ in range(3):  # the noise is a share of the fitted loss
        weight = bins.count / np.maximum(fitted, 1e-9) ** 2
        floor, height, exponent = fit_rows(bins, start[None], weight, finer=9)[0]
        fitted = floor + height * bins.mean(t**-exponent)
    if height <= 0 or fitted[-1] >= fitted[0]:
        raise PretrainError(
            "the loss does not fall, so no power law describes it: look at it with "
            "analyze() first"
        )
    curve = floor + height * t**-exponent
    residual = y / curve - 1
    residual -= residual.mean()
    drawn = resampled(curve, residual, bins, replicates, seed)
    refits = fit_rows(bins, drawn, weight)
    return PowerLaw(
        interval(floor, refits[:, 0]),
        interval(height, refits[:, 1]),
        interval(exponent, refits[:, 2]),
        refits,
    )


def resampled(
    curve: np.ndarray, residual: np.ndarray, bins: Bins, replicates: int, seed: int
) -> np.ndarray:
    """Binned curves with the residuals put together anew from blocks: (R, M)."""
    n = len(curve)
    block = max(1, round(n ** (1 / 3)))
    number = -(-n // block)
    generator = Counter(seed)
    rows = np.empty((replicates, len(bins.first)))
    for row in rows:
        start = np.floor(generator.uniform(number) * (n - block + 1)).astype(int)
        drawn = (start[:, None] + np.arange(block)).ravel()[:n]
        row[:] = bins.mean(curve * (1 + residual[drawn]))
    return rows
