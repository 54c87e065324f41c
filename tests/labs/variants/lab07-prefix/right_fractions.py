"""The share as an exact fraction, and the mask by comparing with a maximum."""

from fractions import Fraction

import torch


def prefix_mask(k, length):
    if not all(0 <= n <= length for n in k.tolist()):
        raise ValueError("no such prefix")
    index = torch.arange(1, length + 1)
    limit = torch.maximum(index[None], k[:, None])
    return index[None, None] <= limit[:, :, None]


def prefix_lengths(tokens, share, pad):
    exact = Fraction(share).limit_denominator(10_000)
    if not 0 <= exact < 1:
        raise ValueError("no such share")
    n = tokens.ne(pad).sum(1)
    return n * exact.numerator // exact.denominator


def scored_share(tokens, k, pad):
    real = tokens.ne(pad)
    real[:, 0] = False
    if not real.any():
        raise ValueError("nothing to score")
    hidden = torch.arange(tokens.shape[1])[None] < k[:, None]
    return 1 - (real & hidden).sum().double() / real.sum()
