"""Plain Python, with the standard library's medians."""

import math
from statistics import fmean, median

import torch


def smooth(losses, decay):
    if decay < 0 or decay >= 1:
        raise ValueError("no such decay")
    found, mean, steps = [], 0.0, 0
    for loss in losses.tolist():
        if not math.isfinite(loss):
            found.append(float("nan"))
            continue
        mean += (1 - decay) * (loss - mean)
        steps += 1
        found.append(mean / (1 - decay**steps))
    return torch.tensor(found, dtype=torch.float64)


def spikes(losses, reach, limit):
    logs = [math.log(x) for x in losses.tolist()]
    rest = []
    for t, value in enumerate(logs):
        r = min(reach, t, len(logs) - 1 - t)
        rest.append(value - median(logs[t - r : t + r + 1]))
    noise = max(0.005, 1.4826 * median(abs(x) for x in rest))
    return [t for t, x in enumerate(rest) if x > limit * noise]


def divergence(smoothed, rise, patience):
    values = smoothed.tolist()
    for t in range(len(values)):
        if math.isnan(values[t]):
            return t
        ahead = values[t : t + patience]
        if len(ahead) < patience or any(math.isnan(x) for x in ahead):
            continue
        if all(
            x > min(values[: t + k + 1]) + rise for k, x in enumerate(ahead)
        ):
            return t
    return None


def fit_power_law(losses, exponents, since):
    y = losses.tolist()[since - 1 :]
    if len(y) < 3:
        raise ValueError("too few")
    found = []
    for alpha in exponents:
        x = [(since + k) ** -alpha for k in range(len(y))]
        mx, my = fmean(x), fmean(y)
        cross = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
        height = cross / sum((a - mx) ** 2 for a in x)
        floor = my - height * mx
        if floor < 0:
            floor = 0.0
            height = sum(a * y[k] for k, a in enumerate(x)) / sum(a * a for a in x)
        error = sum((b - floor - height * a) ** 2 for a, b in zip(x, y, strict=True))
        found.append((error, floor, height, alpha))
    return min(found)[1:]
