"""Scores are not divided by the square root of the head's width."""

import torch


def masked_attention(q, k, v, mask):
    mask = mask[:, None] if mask.ndim == 3 else mask
    scores = (q @ k.transpose(-2, -1)).masked_fill(~mask, -torch.inf)
    return torch.softmax(scores, -1).nan_to_num(0) @ v
