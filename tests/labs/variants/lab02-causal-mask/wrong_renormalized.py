"""Weights are set to 0 after the softmax; then nothing may be left of a row."""


def masked_attention(q, k, v, mask):
    mask = mask[:, None] if mask.ndim == 3 else mask
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    weights = scores.softmax(-1).masked_fill(~mask, 0)
    total = weights.sum(-1, keepdim=True)
    return weights / total.masked_fill(total == 0, 1) @ v
