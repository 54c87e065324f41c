"""A row in which nothing is seen becomes NaN."""

import torch


def masked_attention(q, k, v, mask):
    mask = mask[:, None] if mask.ndim == 3 else mask
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    return scores.masked_fill(~mask, -torch.inf).softmax(-1) @ v
