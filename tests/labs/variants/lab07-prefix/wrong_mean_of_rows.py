"""The mean of the rows' shares; rows differ in length."""

import torch


def scored_share(tokens, k, pad):
    real = tokens[:, 1:] != pad
    scored = real & (torch.arange(1, tokens.shape[1]) >= k[:, None])
    rows = real.any(1)
    if not rows.any():
        raise ValueError("nothing to score")
    return (scored.sum(1)[rows] / real.sum(1)[rows]).mean()
