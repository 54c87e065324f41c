"""Every row gets the first row's prefix."""

import torch


def prefix_mask(k, length):
    if (k < 0).any() or (k > length).any():
        raise ValueError("no such prefix")
    mask = torch.ones(length, length, dtype=torch.bool).tril()
    mask[:, : int(k[0])] = True
    return mask.repeat(len(k), 1, 1)
