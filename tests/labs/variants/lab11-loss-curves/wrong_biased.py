"""The average starts at the first loss, which weighs too much from then on."""

import math

import torch


def smooth(losses, decay):
    if not 0 <= decay < 1:
        raise ValueError("decay")
    mean, found = None, []
    for loss in losses.tolist():
        if not math.isfinite(loss):
            found.append(math.nan)
            continue
        mean = loss if mean is None else decay * mean + (1 - decay) * loss
        found.append(mean)
    return torch.tensor(found, dtype=torch.float64)
