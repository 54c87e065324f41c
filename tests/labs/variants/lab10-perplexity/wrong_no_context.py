"""A window reads only what it scores."""

import torch


def sliding_losses(model, tokens, context, stride):
    losses = []
    for _, first, end in windows(len(tokens) - 1, context, stride):
        logits = model(tokens[None, first:end])[0]
        targets = tokens[first + 1 : end + 1]
        found = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
        losses.append(found)
    return torch.cat(losses)
