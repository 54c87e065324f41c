"""Forbidden weights are set to 0 after the softmax, which has counted them."""


def masked_attention(q, k, v, mask):
    mask = mask[:, None] if mask.ndim == 3 else mask
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    return scores.softmax(-1).masked_fill(~mask, 0) @ v
