"""Each window reads one token more than the context."""

import torch


def sliding_losses(model, tokens, context, stride):
    losses = []
    for start, first, end in windows(len(tokens) - 1, context, stride):
        row = tokens[None, start : end + 1]
        logits = model(row)[0, first - start : -1]
        targets = row[0, first - start + 1 :]
        found = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
        losses.append(found)
    return torch.cat(losses)
