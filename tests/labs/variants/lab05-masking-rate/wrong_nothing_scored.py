"""With nothing scored the mean is said to be 0."""

import torch


def evaluate(model, inputs, targets, size):
    total = 0.0
    for x, y in zip(inputs.split(size), targets.split(size)):
        scores = model(x).flatten(0, 1)
        total += torch.nn.functional.cross_entropy(
            scores, y.flatten(), reduction="sum"
        ).item()
    return total / max(1, int((targets != -100).sum()))
