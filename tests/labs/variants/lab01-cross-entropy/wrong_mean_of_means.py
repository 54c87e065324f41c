"""A mean of the pieces' means."""

import torch


def mean_loss(pieces):
    means = []
    for logits, targets in pieces:
        count = (targets != -100).sum()
        if count:
            means.append(token_losses(logits, targets).sum() / count)
    if not means:
        raise ValueError("nothing is scored")
    return torch.stack(means).mean()
