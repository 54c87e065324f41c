"""Bits where nats are asked for."""

import math

import torch

IGNORE = -100


def token_losses(logits, targets):
    safe = targets.clamp(min=0)
    losses = torch.logsumexp(logits, -1) - logits.gather(-1, safe[..., None])[..., 0]
    return torch.where(targets == IGNORE, 0.0, losses / math.log(2))
