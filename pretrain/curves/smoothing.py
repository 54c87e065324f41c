"""Smoothing a loss curve, before anything is left out of it.

A logged loss is the loss of one batch: the model's loss plus the luck of the batch.
Smoothing averages the luck away. Three ways, all with weights that add up to 1 at
every step, so that a constant curve stays constant from its first value on:

    exponential   steps before this one, weights falling by ``decay`` a step
    centered      ``window`` steps around this one, equal weights
    gaussian      all steps, weights of a bell of width ``sigma`` around this one

Smooth first, thin out second. Every k-th value of the raw curve keeps all of the noise
and drops the steps that would have averaged it, and a spike between two kept steps is
gone; :func:`thin` does the two in the right order. Values that are not finite get no
weight, and stay NaN where they were.
"""

from collections.abc import Callable

import numpy as np

from pretrain.errors import PretrainError


def as_curve(loss) -> tuple[np.ndarray, np.ndarray]:
    """The values as float64 (n,), and which of them are finite, bool (n,)."""
    values = np.asarray(loss, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise PretrainError(
            f"a loss curve is a list of numbers, one a step; this has the shape "
            f"{values.shape}"
        )
    return values, np.isfinite(values)


def exponential(loss, decay: float = 0.98) -> np.ndarray:
    """Exponential average of the values so far, without a bias towards 0 at the start.

    The average starts at 0, so after t steps its weights add up to 1 − decay^t; it is
    divided by that, as Adam does. It lags behind a falling curve by about
    decay / (1 − decay) steps.

    Args: ``loss`` (n,); ``decay`` in [0, 1). Returns: (n,), float64.
    Raises: PretrainError for another decay, or for something that is no curve.
    """
    values, finite = as_curve(loss)
    if not 0 <= decay < 1:
        raise PretrainError(f"decay is {decay}: it must be at least 0 and below 1")
    smooth = np.full(len(values), np.nan)
    total = weight = 0.0
    for i in np.flatnonzero(finite):
        total = decay * total + (1 - decay) * values[i]
        weight = decay * weight + (1 - decay)
        smooth[i] = total / weight
    return smooth


def centered(loss, window: int = 51) -> np.ndarray:
    """Mean of the ``window`` steps around each one; no lag.

    Near the ends the window shrinks on both sides alike, so that a straight line is
    unchanged everywhere.

    Args: ``loss`` (n,); ``window``, odd. Returns: (n,), float64.
    Raises: PretrainError for an even window, or for something that is no curve.
    """
    values, finite = as_curve(loss)
    if window < 1 or window % 2 == 0:
        raise PretrainError(f"window is {window}: it must be odd, such as 51")
    place = np.arange(len(values))
    half = np.minimum(window // 2, np.minimum(place, place[::-1]))
    # The median is taken out first: running sums then keep their digits.
    middle = np.median(values[finite]) if finite.any() else 0.0
    sums = np.cumsum(np.r_[0.0, np.where(finite, values - middle, 0.0)])
    counts = np.cumsum(np.r_[0, finite])
    first, last = place - half, place + half + 1
    number = counts[last] - counts[first]
    smooth = middle + (sums[last] - sums[first]) / np.maximum(number, 1)
    return np.where(finite, smooth, np.nan)


def gaussian(loss, sigma: float = 20.0) -> np.ndarray:
    """Mean with the weights exp(−d² / 2σ²) of the steps at the distance d; no lag.

    Cut at 4 σ, and at the ends renormalized over the steps that there are.

    Args: ``loss`` (n,); ``sigma`` in steps. Returns: (n,), float64.
    Raises: PretrainError for a width of 0 or less, or for something that is no curve.
    """
    values, finite = as_curve(loss)
    if not sigma > 0:
        raise PretrainError(f"sigma is {sigma}: it must be above 0")
    reach = min(int(np.ceil(4 * sigma)), len(values) - 1)
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    total = np.convolve(np.where(finite, values, 0.0), bell)[reach:][: len(values)]
    weight = np.convolve(finite.astype(float), bell)[reach:][: len(values)]
    smooth = np.full(len(values), np.nan)
    smooth[finite] = total[finite] / weight[finite]
    return smooth


def thin(
    loss, every: int, smooth: Callable[..., np.ndarray] = centered, **options
) -> tuple[np.ndarray, np.ndarray]:
    """Smooth the whole curve, then keep every ``every``-th value, for a light plot.

    Returns: positions kept (m,), int64, and their smoothed values (m,), float64.
    Raises: PretrainError when ``every`` is below 1.
    """
    if every < 1:
        raise PretrainError(f"every is {every}: it must be at least 1")
    whole = smooth(loss, **options)
    kept = np.arange(0, len(whole), every)
    return kept, whole[kept]
