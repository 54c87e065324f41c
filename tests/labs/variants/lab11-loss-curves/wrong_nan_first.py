"""A NaN anywhere hides the rise before it."""

import math


def divergence(smoothed, rise, patience):
    values = smoothed.tolist()
    for t, value in enumerate(values):
        if math.isnan(value):
            return t
    lowest, row = math.inf, 0
    for t, value in enumerate(values):
        lowest = min(lowest, value)
        row = row + 1 if value > lowest + rise else 0
        if row == patience:
            return t - patience + 1
    return None
