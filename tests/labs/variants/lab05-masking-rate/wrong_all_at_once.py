"""All rows go to the model at once."""

import torch


def evaluate(model, inputs, targets, size):
    if not (targets != -100).any():
        raise ValueError("nothing is scored")
    scores = model(inputs).detach().flatten(0, 1)
    return torch.nn.functional.cross_entropy(scores, targets.flatten()).item()
