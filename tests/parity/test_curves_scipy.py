"""The power-law fit, held against `scipy.optimize.curve_fit` on the same curve."""

import numpy as np
from scipy import optimize

from pretrain.curves import power_law
from pretrain.curves.families import noisy
from pretrain.random import Counter


def test_power_law_agrees_with_scipy():
    t = np.arange(1.0, 1001)
    loss = noisy(1.7 + 8 * t**-0.4, 0.02, Counter(2))
    ours = power_law(loss, replicates=10)
    curve = ours.predict  # the weights of its last round: its own fitted curve
    sigma = np.array([curve(step).value for step in t])
    theirs, _ = optimize.curve_fit(
        lambda t, floor, height, exponent: floor + height * t**-exponent,
        t,
        loss,
        p0=(1, 5, 0.5),
        sigma=sigma,
    )
    # Bins and the weights of a bin cost a little: less than a tenth of the interval.
    mine = np.array([ours.floor.value, ours.height.value, ours.exponent.value])
    np.testing.assert_allclose(mine, theirs, rtol=0.005)
