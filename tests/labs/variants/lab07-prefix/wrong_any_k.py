"""A prefix longer than the row, or of a negative length, goes through."""

import torch


def prefix_mask(k, length):
    index = torch.arange(length)
    before = index[None, None, :] <= index[None, :, None]
    return before | (index < k[:, None])[:, None, :]
