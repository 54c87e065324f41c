"""A target of −100 is scored as token 0."""

import torch


def token_losses(logits, targets):
    safe = targets.clamp(min=0)
    return torch.logsumexp(logits, -1) - logits.gather(-1, safe[..., None])[..., 0]
