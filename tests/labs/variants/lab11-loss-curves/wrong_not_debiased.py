"""The average starts at 0 and is left there."""

import math

import torch


def smooth(losses, decay):
    if not 0 <= decay < 1:
        raise ValueError("decay")
    mean, found = 0.0, []
    for loss in losses.tolist():
        if math.isfinite(loss):
            mean = decay * mean + (1 - decay) * loss
            found.append(mean)
        else:
            found.append(math.nan)
    return torch.tensor(found, dtype=torch.float64)
