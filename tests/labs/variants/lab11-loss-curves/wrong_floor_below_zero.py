"""The floor may be negative."""

import torch


def fit_power_law(losses, exponents, since):
    y = losses.double()[since - 1 :]
    if len(y) < 3:
        raise ValueError("too few")
    t = torch.arange(since, since + len(y)).double()
    best = None
    for alpha in exponents:
        x = t**-alpha
        dx = x - x.mean()
        height = (dx * y).sum() / (dx * dx).sum()
        floor = y.mean() - height * x.mean()
        error = ((y - floor - height * x) ** 2).sum().item()
        if best is None or error < best[0]:
            best = error, (floor.item(), height.item(), float(alpha))
    return best[1]
