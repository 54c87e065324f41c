"""A mean of the pieces' means."""

import torch


def evaluate(model, inputs, targets, size):
    means = []
    for x, y in zip(inputs.split(size), targets.split(size)):
        if (y != -100).any():
            scores = model(x).flatten(0, 1)
            means.append(torch.nn.functional.cross_entropy(scores, y.flatten()).item())
    if not means:
        raise ValueError("nothing is scored")
    return sum(means) / len(means)
