"""A mean of the pieces' perplexities, weighted by their tokens."""

import math


def perplexity(pieces):
    total, count = 0.0, 0
    for losses, scored in pieces:
        n = int(scored.sum())
        if n:
            mean = float(losses[scored].double().mean())
            total += n * (math.exp(mean) if mean < 709 else math.inf)
            count += n
    if not count:
        raise ValueError("no token is scored")
    return total / count
