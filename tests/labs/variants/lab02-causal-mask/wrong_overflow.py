"""Nothing is subtracted before the exponential."""


def masked_attention(q, k, v, mask):
    mask = mask[:, None] if mask.ndim == 3 else mask
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    weights = scores.exp() * mask
    total = weights.sum(-1, keepdim=True)
    return weights / total.masked_fill(total == 0, 1) @ v
