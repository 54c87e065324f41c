"""The sum is over scored tokens, and is divided by all positions."""

import math


def perplexity(pieces):
    total = sum(float(x[s].double().sum()) for x, s in pieces)
    if not any(s.any() for _, s in pieces):
        raise ValueError("no token is scored")
    mean = total / sum(s.numel() for _, s in pieces)
    return math.exp(mean) if mean < 709 else math.inf
