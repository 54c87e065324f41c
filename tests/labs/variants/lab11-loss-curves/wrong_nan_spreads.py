"""One loss that is not finite spoils all averages after it."""

import torch


def smooth(losses, decay):
    if not 0 <= decay < 1:
        raise ValueError("decay")
    total = weight = 0.0
    means = []
    for loss in losses.tolist():
        total = decay * total + (1 - decay) * loss
        weight = decay * weight + (1 - decay)
        means.append(total / weight)
    return torch.tensor(means, dtype=torch.float64)
