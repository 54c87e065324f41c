"""Divided by 1 - d^t with all steps counted, passed-over ones too."""

import math

import torch


def smooth(losses, decay):
    if not 0 <= decay < 1:
        raise ValueError("decay")
    mean, found = 0.0, []
    for t, loss in enumerate(losses.tolist(), 1):
        if not math.isfinite(loss):
            found.append(math.nan)
            continue
        mean = decay * mean + (1 - decay) * loss
        found.append(mean / (1 - decay**t))
    return torch.tensor(found, dtype=torch.float64)
