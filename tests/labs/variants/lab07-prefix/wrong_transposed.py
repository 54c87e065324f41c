"""Query and key are mixed up: the past sees the future."""

import torch


def prefix_mask(k, length):
    if (k < 0).any() or (k > length).any():
        raise ValueError("no such prefix")
    index = torch.arange(length)
    before = index[None, None, :] >= index[None, :, None]
    return before | (index < k[:, None])[:, :, None]
