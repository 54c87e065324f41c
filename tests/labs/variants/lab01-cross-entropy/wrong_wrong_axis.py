"""Softmax over the positions instead of the vocabulary."""

import torch

IGNORE = -100


def token_losses(logits, targets):
    safe = targets.clamp(min=0)
    log_p = torch.log_softmax(logits, dim=-2)
    losses = -log_p.gather(-1, safe[..., None])[..., 0]
    return torch.where(targets == IGNORE, 0.0, losses)
