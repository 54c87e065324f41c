"""The step at which patience is over, not the one at which the rise began."""

import math


def divergence(smoothed, rise, patience):
    lowest, row = math.inf, 0
    for t, value in enumerate(smoothed.tolist()):
        if math.isnan(value):
            return t
        lowest = min(lowest, value)
        row = row + 1 if value > lowest + rise else 0
        if row == patience:
            return t
    return None
