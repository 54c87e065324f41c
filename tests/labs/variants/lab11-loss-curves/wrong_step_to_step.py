"""The rise is counted from the step before the row, not from the lowest value."""

import math


def divergence(smoothed, rise, patience):
    values = smoothed.tolist()
    for t, value in enumerate(values):
        if math.isnan(value):
            return t
        ahead = values[t : t + patience]
        if t and len(ahead) == patience:
            if all(x > values[t - 1] + rise for x in ahead):
                return t
    return None
