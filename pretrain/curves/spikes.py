"""Spikes: steps whose log loss stands out above the curve around them.

    log loss  .  .    *            1. baseline: the median around each step
               .. ..  *            2. noise:    the median distance from it
                    ....*......    3. spike:    far above, measured in that noise
                           .. .    4. again, without the spikes found so far

The window around a step reaches equally far to both sides. On a falling curve the
median of such a window is the value in its middle, so the first steps, where the curve
is steepest, need no separate rule. At the end of the curve, where there is no right
side, a line through medians continues the baseline. In log loss, because the noise of
a loss is roughly a share of it.

Medians do not move when a twentieth of their window is wrong; means do, which hides
the second of two spikes. How far is far? LEVEL is the chance that the largest of n
normal draws gets there. Noise with heavier tails raises the bar: the lighter of the two
sides decides, as spikes only go up.
"""

from statistics import NormalDist

import numpy as np

LEVEL = 0.02  # chance of a false spike in a whole curve of normal noise
SMALLEST = 0.005  # noise below 0.5 % of the loss counts as 0.5 %
TAIL = 4.5  # how fast the bar rises with the weight of the tails
ROBUST = 1.4826  # median distance of normal draws, in standard deviations: 1 / this


def median(values: np.ndarray) -> float:
    """``np.median`` of finite values (n,), bit for bit, without its checks: faster."""
    middle = len(values) // 2
    if len(values) % 2:
        return np.partition(values, middle)[middle]
    ordered = np.partition(values, (middle - 1, middle))
    return (ordered[middle - 1] + ordered[middle]) / 2


def half_window(n: int) -> int:
    """Steps to either side that a baseline looks at: a twentieth of the curve."""
    return int(min(max(n // 20, 16), 250))


def places(n: int, half: int) -> np.ndarray:
    """Where medians are taken: dense at the start, then every ``half`` / 8 steps."""
    found = [0]
    while found[-1] < n - 1:
        found.append(min(n - 1, found[-1] + max(1, min(half, found[-1]) // 8)))
    return np.array(found)


def baseline(y: np.ndarray, clean: np.ndarray, half: int) -> np.ndarray:
    """Running median of the clean values of y (n,), continued by a line at the end."""
    n = len(y)
    where = places(n, half)
    middle = np.empty(len(where))
    for k, i in enumerate(where):
        reach = min(half, i, n - 1 - i)
        near = slice(i - reach, i + reach + 1)
        kept = y[near][clean[near]]
        middle[k] = median(kept if len(kept) else y[near])
    base = np.interp(np.arange(n), where, middle)
    # The last steps: a line through the medians of the outer thirds of the last window.
    first = max(0, n - 2 * half)
    x = np.flatnonzero(clean[first:]) + first
    third = len(x) // 3
    if third >= 3:
        left, right = x[:third], x[-third:]
        u = np.log1p(np.arange(n))  # a power law is a line on log step
        run = np.median(u[right]) - np.median(u[left])
        slope = (np.median(y[right]) - np.median(y[left])) / run
        height = np.median(y[x] - slope * u[x])
        base[n - half :] = height + slope * u[n - half :]
    return base


def noise(residual: np.ndarray, clean: np.ndarray, half: int) -> np.ndarray:
    """Robust standard deviation around each step, (n,): it may change over a run."""
    n = len(residual)
    where = places(n, half)
    scale = np.empty(len(where))
    size = np.abs(residual)
    for k, i in enumerate(where):
        near = slice(max(0, i - 6 * half), i + 6 * half + 1)
        kept = size[near][clean[near]]
        scale[k] = median(kept if len(kept) else size[near])
    return np.maximum(ROBUST * np.interp(np.arange(n), where, scale), SMALLEST)


def bar(z: np.ndarray) -> float:
    """How many robust standard deviations make a spike, given the clean z (n,).

    Lower than for normal noise where the upper side is shorter (the log of normal
    noise), higher where both tails are long.
    """
    normal = NormalDist()
    high = normal.inv_cdf(1 - LEVEL / len(z))
    short = np.quantile(z, 0.975) / normal.inv_cdf(0.975)
    share = max(0.005, 5 / len(z))
    up, down = np.quantile(z, 1 - share), -np.quantile(z, share)
    tail = min(up, down) / normal.inv_cdf(1 - share)
    return float(high * min(1.0, max(0.84, short)) * max(1.0, tail) ** TAIL)


def stretches(flags: np.ndarray, gap: int = 3) -> list[tuple[int, int]]:
    """First and last index of every run of True, runs at most ``gap`` apart joined."""
    found: list[tuple[int, int]] = []
    for i in np.flatnonzero(flags):
        if found and i - found[-1][1] <= gap:
            found[-1] = (found[-1][0], int(i))
        else:
            found.append((int(i), int(i)))
    return found


def residuals(y: np.ndarray, rounds: int = 3) -> tuple[np.ndarray, np.ndarray, float]:
    """Baseline of the log loss y (n,), residuals in robust sigmas (n,), and the bar."""
    half = half_window(len(y))
    clean = np.ones(len(y), dtype=bool)
    for _ in range(rounds):
        base = baseline(y, clean, half)
        residual = y - base
        z = residual / noise(residual, clean, half)
        limit = bar(z[clean])
        spiky = z > limit
        near = np.convolve(spiky, np.ones(5), mode="same") > 0  # two steps around
        # The shoulders of a spike are part of it, as long as they stand out.
        before, clean = clean, ~(near & (z > 2))
        if np.array_equal(before, clean):
            break
    return base, z, limit


def find(y: np.ndarray) -> tuple[list[tuple[int, int, bool]], np.ndarray, np.ndarray]:
    """Spikes of the log loss y (n,): (first, last, recovered), the baseline and z.

    The first three steps have no window around them and are not judged.
    """
    base, z, limit = residuals(y)
    spiky = z > limit
    spiky[:3] = False
    found = []
    for first, last in stretches(spiky):
        while first > 3 and z[first - 1] > limit / 2:
            first -= 1
        while last + 1 < len(z) and z[last + 1] > limit / 2:
            last += 1
        if found and first - found[-1][1] <= 3:
            first = found.pop()[0]
        after = z[last + 1 : last + 11]
        found.append((first, last, len(after) > 0 and np.median(after) < limit / 2))
    return found, base, z
