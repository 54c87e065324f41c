"""A NaN is compared like a number, and so it is never too far."""

import math


def divergence(smoothed, rise, patience):
    lowest, row = math.inf, 0
    for t, value in enumerate(smoothed.tolist()):
        lowest = min(lowest, value)
        row = row + 1 if value > lowest + rise else 0
        if row == patience:
            return t - patience + 1
    return None
