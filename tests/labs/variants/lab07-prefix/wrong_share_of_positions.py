"""A share of all positions, padding among them."""

import torch


def scored_share(tokens, k, pad):
    real = tokens[:, 1:] != pad
    if not real.any():
        raise ValueError("nothing to score")
    scored = real & (torch.arange(1, tokens.shape[1]) >= k[:, None])
    return scored.float().mean()
