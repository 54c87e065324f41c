"""One token after the other."""

import torch

IGNORE = -100


def token_losses(logits, targets):
    flat, ids = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1).tolist()
    losses = []
    for row, target in zip(flat, ids):
        if target == IGNORE:
            losses.append(0.0 * row.sum())
        else:
            top = row.max().detach()
            losses.append(top + (row - top).exp().sum().log() - row[target])
    return torch.stack(losses).reshape(targets.shape)


def shift(tokens, pad):
    inputs, targets = [], []
    for row in tokens.tolist():
        inputs.append(row[:-1])
        targets.append([IGNORE if token == pad else token for token in row[1:]])
    return torch.tensor(inputs), torch.tensor(targets)


def mean_loss(pieces):
    losses = []
    for logits, targets in pieces:
        kept = token_losses(logits, targets)[targets != IGNORE]
        losses.extend(kept.unbind())
    if not losses:
        raise ValueError("nothing is scored")
    return torch.stack(losses).mean()
