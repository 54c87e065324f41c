"""A batch of padding has the share 0."""

import torch


def scored_share(tokens, k, pad):
    real = tokens[:, 1:] != pad
    scored = real & (torch.arange(1, tokens.shape[1]) >= k[:, None])
    return scored.sum() / real.sum().clamp(min=1)
