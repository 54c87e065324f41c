"""A mean of the pieces' means."""

import math


def perplexity(pieces):
    means = [float(x[s].double().mean()) for x, s in pieces if s.any()]
    if not means:
        raise ValueError("no token is scored")
    mean = sum(means) / len(means)
    return math.exp(mean) if mean < 709 else math.inf
