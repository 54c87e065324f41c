"""Above the lowest value of the whole run, also of the steps to come."""

import math


def divergence(smoothed, rise, patience):
    values = smoothed.tolist()
    bad = [t for t, x in enumerate(values) if math.isnan(x)]
    values = values[: bad[0]] if bad else values
    row = 0
    for t, value in enumerate(values):
        row = row + 1 if value > min(values) + rise else 0
        if row == patience:
            return t - patience + 1
    return bad[0] if bad else None
