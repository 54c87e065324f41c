"""Softmax is taken twice."""

import torch


def sliding_losses(model, tokens, context, stride):
    losses = []
    for start, first, end in windows(len(tokens) - 1, context, stride):
        p = model(tokens[None, start:end])[0, first - start :].softmax(-1)
        targets = tokens[first + 1 : end + 1]
        losses.append(torch.nn.functional.cross_entropy(p, targets, reduction="none"))
    return torch.cat(losses)
