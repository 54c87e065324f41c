"""NumPy's medians and PyTorch's least squares."""

import numpy as np
import torch


def smooth(losses, decay):
    if not 0 <= decay < 1:
        raise ValueError("decay")
    values = losses.double().numpy()
    means = np.full(len(values), np.nan)
    mean = weight = 0.0
    for i in np.flatnonzero(np.isfinite(values)):
        weight = decay * weight + 1
        mean += (values[i] - mean) / weight
        means[i] = mean
    return torch.from_numpy(means)


def spikes(losses, reach, limit):
    logs = np.log(losses.double().numpy())
    n = len(logs)
    base = np.array(
        [
            np.median(logs[t - r : t + r + 1])
            for t in range(n)
            for r in [min(reach, t, n - 1 - t)]
        ]
    )
    rest = logs - base
    noise = max(1.4826 * np.median(np.abs(rest)), 0.005)
    return [int(t) for t in np.flatnonzero(rest > limit * noise)]


def fit_power_law(losses, exponents, since):
    y = losses.double()[since - 1 :, None]
    if len(y) < 3:
        raise ValueError("too few")
    t = torch.arange(len(y), dtype=torch.float64)[:, None] + since
    best = (float("inf"),)
    for alpha in exponents:
        x = t ** (-alpha)
        lines = torch.cat((torch.ones_like(x), x), 1)
        floor, height = torch.linalg.lstsq(lines, y).solution.flatten().tolist()
        if floor < 0:
            floor, height = 0.0, torch.linalg.lstsq(x, y).solution.item()
        error = float(((y - floor - height * x) ** 2).sum())
        if error < best[0]:
            best = error, floor, height, alpha
    return best[1:]
