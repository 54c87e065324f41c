"""The share is taken of the row, with its padding."""

import torch


def prefix_lengths(tokens, share, pad):
    if not 0 <= share < 1:
        raise ValueError("no such share")
    n = torch.full((len(tokens),), tokens.shape[1])
    return (share * n.double() + 1e-6).long()
