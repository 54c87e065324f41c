"""Without a scored token the perplexity is 1."""

import math


def perplexity(pieces):
    total = sum(float(x[s].double().sum()) for x, s in pieces)
    count = sum(int(s.sum()) for _, s in pieces)
    mean = total / max(count, 1)
    return math.inf if mean >= 709 else math.exp(mean)
