"""All steps at once: matrices of weights, padded windows, running minima."""

import math

import torch


def smooth(losses, decay):
    if not 0 <= decay < 1:
        raise ValueError("decay")
    finite = losses.isfinite()
    place = finite.long().cumsum(0)
    age = place[:, None] - place[None]
    weights = (torch.tensor(decay, dtype=torch.float64) ** age.clamp(min=0))
    weights = weights * (age >= 0) * finite
    safe = losses.double().masked_fill(~finite, 0.0)
    means = (weights @ safe) / weights.sum(1)
    return means.masked_fill(~finite, math.nan)


def spikes(losses, reach, limit):
    logs = losses.double().log()
    n = len(logs)
    t = torch.arange(n)
    r = torch.minimum(torch.minimum(t, n - 1 - t), torch.tensor(reach))
    away = torch.arange(-reach, reach + 1)
    windows = logs[(t[:, None] + away).clamp(0, n - 1)]
    windows = windows.masked_fill(away.abs() > r[:, None], math.nan)
    rest = logs - windows.nanmedian(1).values
    noise = (1.4826 * rest.abs().median()).clamp(min=0.005)
    return torch.nonzero(rest > limit * noise)[:, 0].tolist()


def divergence(smoothed, rise, patience):
    bad = smoothed.isnan().nonzero()[:, 0].tolist()
    upto = smoothed[: bad[0]] if bad else smoothed
    if len(upto) >= patience:
        high = upto > upto.cummin(0).values + rise
        runs = high.unfold(0, patience, 1).all(1).nonzero()[:, 0].tolist()
        if runs:
            return runs[0]
    return bad[0] if bad else None


def fit_power_law(losses, exponents, since):
    y = losses[since - 1 :].double()
    if len(y) < 3:
        raise ValueError("too few losses")
    t = torch.arange(1, len(losses) + 1)[since - 1 :].double()
    x = t[None] ** -torch.tensor(exponents, dtype=torch.float64)[:, None]
    dx, dy = x - x.mean(1, keepdim=True), y - y.mean()
    height = (dx @ dy) / (dx * dx).sum(1)
    floor = y.mean() - height * x.mean(1)
    height = torch.where(floor < 0, (x @ y) / (x * x).sum(1), height)
    floor = floor.clamp(min=0)
    error = ((y - floor[:, None] - height[:, None] * x) ** 2).sum(1)
    k = int(error.argmin())
    return floor[k].item(), height[k].item(), exponents[k]
