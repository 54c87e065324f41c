"""Forbidden scores are set to -10,000, which is not always the least."""


def masked_attention(q, k, v, mask):
    mask = mask[:, None] if mask.ndim == 3 else mask
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    weights = scores.masked_fill(~mask, -1e4).softmax(-1)
    return weights * mask.any(-1, keepdim=True) @ v
