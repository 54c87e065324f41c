"""Steps that are too far are counted, wherever they are."""

import math


def divergence(smoothed, rise, patience):
    lowest, high = math.inf, []
    for t, value in enumerate(smoothed.tolist()):
        if math.isnan(value):
            return t
        lowest = min(lowest, value)
        if value > lowest + rise:
            high.append(t)
        if len(high) == patience:
            return t - patience + 1
    return None
