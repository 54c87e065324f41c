"""The token that is read is taken for the one that is predicted."""

import torch


def sliding_losses(model, tokens, context, stride):
    losses = []
    for start, first, end in windows(len(tokens) - 1, context, stride):
        logits = model(tokens[None, start:end])[0, first - start :]
        targets = tokens[first:end]
        found = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
        losses.append(found)
    return torch.cat(losses)
