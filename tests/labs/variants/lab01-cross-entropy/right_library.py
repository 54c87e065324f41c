"""PyTorch's own functions."""

import torch
import torch.nn.functional as F


def token_losses(logits, targets):
    flat = F.cross_entropy(
        logits.reshape(-1, logits.size(-1)),
        targets.reshape(-1),
        reduction="none",
        ignore_index=-100,
    )
    return flat.view_as(targets)


def shift(tokens, pad):
    inputs, targets = tokens[..., :-1], tokens[..., 1:]
    return inputs.contiguous(), targets.masked_fill(targets == pad, -100)


def mean_loss(pieces):
    logits = torch.cat([piece[0].flatten(0, -2) for piece in pieces])
    targets = torch.cat([piece[1].flatten() for piece in pieces])
    if targets.eq(-100).all():
        raise ValueError("nothing is scored")
    return F.cross_entropy(logits, targets)
