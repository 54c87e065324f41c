"""The sum is rounded to the precision of the losses."""

import math


def perplexity(pieces):
    total = sum(float(losses[scored].sum()) for losses, scored in pieces)
    count = sum(int(scored.sum()) for _, scored in pieces)
    if count == 0:
        raise ValueError("no token is scored")
    mean = total / count
    return math.inf if mean >= 709 else math.exp(mean)
