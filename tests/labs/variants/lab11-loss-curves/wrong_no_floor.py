"""A power law without a floor: a line through the logarithms."""

import torch


def fit_power_law(losses, exponents, since):
    y = losses.double()[since - 1 :]
    if len(y) < 3:
        raise ValueError("too few")
    t = torch.arange(since, since + len(y)).double()
    best = None
    for alpha in exponents:
        x = t**-alpha
        height = (x * y).sum() / (x * x).sum()
        error = ((y - height * x) ** 2).sum().item()
        if best is None or error < best[0]:
            best = error, (0.0, height.item(), float(alpha))
    return best[1]
