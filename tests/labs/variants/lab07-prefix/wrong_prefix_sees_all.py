"""Positions of the prefix see the whole row, the answers too, from k = 4 on."""

import torch


def prefix_mask(k, length):
    if (k < 0).any() or (k > length).any():
        raise ValueError("no such prefix")
    index = torch.arange(length)
    before = index[None, None, :] <= index[None, :, None]
    prefix = index < k[:, None]
    return before | prefix[:, None, :] | (prefix & (k[:, None] > 3))[:, :, None]
