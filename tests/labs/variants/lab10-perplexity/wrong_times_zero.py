"""Losses that do not count are multiplied by 0, which leaves NaN."""

import math


def perplexity(pieces):
    total = sum(float((x.double() * s).sum()) for x, s in pieces)
    count = sum(int(s.sum()) for _, s in pieces)
    if count == 0:
        raise ValueError("no token is scored")
    mean = total / count
    return math.inf if mean >= 709 else math.exp(mean)
