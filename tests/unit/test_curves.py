"""Loss curves: smoothing, findings on curves whose truth is known, power laws."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain.curves import (
    analyze,
    centered,
    exponential,
    gaussian,
    power_law,
    thin,
)
from pretrain.curves.families import FAMILIES, decay, judge, language, noisy
from pretrain.errors import PretrainError
from pretrain.random import Counter

SMOOTHERS = (exponential, centered, gaussian)
DRAWS = 15
FRESH = 500_000_000  # seeds that chose no threshold and are in no reported table


@pytest.mark.parametrize("smooth", SMOOTHERS)
@given(values=st.lists(st.floats(0.1, 20), min_size=1, max_size=80))
@settings(max_examples=30, deadline=None)
def test_smoothing_stays_within_the_values_and_keeps_constants(smooth, values):
    smoothed = smooth(values)
    assert len(smoothed) == len(values)
    # Weighted means: nothing outside the values, up to rounding.
    assert min(values) - 1e-9 <= smoothed.min() <= smoothed.max() <= max(values) + 1e-9
    np.testing.assert_allclose(smooth(np.full(len(values), 3.3)), 3.3, rtol=1e-12)


def test_exponential_is_the_weighted_mean_that_it_says():
    values = np.array([4.0, 3.0, 5.0, 1.0])
    weights = 0.9 ** np.arange(4)[::-1]
    expected = weights @ values / weights.sum()
    assert exponential(values, 0.9)[-1] == pytest.approx(expected)


def test_centered_leaves_a_line_and_averages_a_window():
    line = np.linspace(5, 1, 40)
    np.testing.assert_allclose(centered(line, 9), line, rtol=1e-12)
    values = Counter(3).uniform(40)
    assert centered(values, 9)[20] == pytest.approx(values[16:25].mean())


def test_smoothing_skips_what_is_not_finite():
    values = np.array([2.0, np.nan, 2.0, np.inf, 2.0])
    for smooth in SMOOTHERS:
        np.testing.assert_array_equal(
            np.isfinite(smooth(values)), np.isfinite(values)
        )
        np.testing.assert_allclose(smooth(values)[::2], 2.0)


def test_thinning_smooths_first():
    loss = noisy(decay(), 0.1, Counter(1))
    kept, values = thin(loss, 20, window=41)
    np.testing.assert_array_equal(values, centered(loss, 41)[kept])
    other = centered(loss[::20], 41)  # the wrong order
    assert np.abs(values - other).max() > 0.1
    # And the noise that is left is that of 41 steps, a sixth, not that of one.
    error = values[5:-5] / decay()[kept][5:-5] - 1
    assert error.std() < 0.1 / 3


@pytest.mark.parametrize("name", FAMILIES)
def test_families(name):
    """More than 5 of 15 by chance: below 1 in 10,000 where the true rate is 5 %."""
    wrong = np.zeros(2, dtype=int)
    for i in range(DRAWS):
        curve = FAMILIES[name].draw(Counter(FRESH + i))
        wrong += judge(curve, analyze(curve.loss))
    assert (wrong <= 5).all()


@pytest.mark.parametrize("n", [1, 2, 3, 10, 39, 40, 41, 72, 100])
def test_short_curves_do_not_fail(n):
    found = analyze(decay(n))
    assert not found.spikes and found.divergence is None and found.notes
    if n < 40:
        assert "too few" in found.notes[0]


def test_constant_curve_is_flat():
    found = analyze(np.full(300, 2.5))
    assert not found.spikes and found.divergence is None
    assert found.plateau.start == 0
    assert abs(found.plateau.slope) < 1e-15  # the rounding of a mean


@pytest.mark.parametrize("loss", [decay(), language(), np.linspace(9, 3, 500)])
def test_falling_curves_without_noise_are_healthy(loss):
    found = analyze(loss)
    assert (found.spikes, found.plateau, found.divergence) == ((), None, None)
    assert "still falls" in found.notes[-1]


@pytest.mark.parametrize(
    "start, end, note",
    [
        # Over the last half from 4 to 3, a quarter less; from 8.0 to 8.2, 2.5 % more.
        (16 / 3, 3, "The loss still falls, by between 25.0 % and 25.0 %"),
        (8, 8.2**2 / 8, "The loss rises, by between 2.5 % and 2.5 %"),
    ],
)
def test_how_much_it_falls_or_rises_has_no_sign(start, end, note):
    assert analyze(np.geomspace(start, end, 1001)).notes[-1].startswith(note)


def test_falls_by_the_smaller_size_first():
    note = analyze(noisy(decay(), 0.05, Counter(9))).notes[-1]
    sizes = re.fullmatch(
        r"The loss still falls, by between ([\d.]+) % and ([\d.]+) % "
        "over the last half of the steps.",
        note,
    )
    assert float(sizes[1]) < float(sizes[2])


def test_not_finite_comes_first():
    loss = noisy(decay(), 0.02, Counter(5))
    loss[812:] = np.nan
    found = analyze(loss, np.arange(1, 1001))
    assert found.first_non_finite == 813
    assert found.notes[0].startswith("The loss is not finite from step 813 on:")
    loss[:] = np.inf
    assert analyze(loss).first_non_finite == 0


def test_a_spike_is_measured():
    loss = noisy(language(), 0.02, Counter(6))
    loss[5000:5030] += 0.7
    (spike,) = analyze(loss).spikes
    # Within one step of noise; the highest of 30 draws lies about 2 sigmas up.
    assert abs(spike.start - 5000) <= 2 and abs(spike.end - 5029) <= 2
    assert 0.7 < spike.height < 0.7 + 4 * 0.02 * 2.9
    assert spike.recovered and spike.sigmas > 10


def test_a_spike_at_the_last_step_is_no_divergence():
    loss = noisy(decay(), 0.05, Counter(7))
    loss[-1] *= 2.2
    found = analyze(loss)
    assert found.divergence is None
    assert [s.start for s in found.spikes] == [999] and not found.spikes[0].recovered


def test_slow_divergence_is_dated():
    loss = decay()
    loss[800:] = np.linspace(loss[799], 1.35 * loss[799], 200)
    found = analyze(noisy(loss, 0.02, Counter(8)))
    assert found.plateau is None
    assert 740 <= found.divergence.since <= 840  # a block is 20 steps
    assert found.divergence.rise == pytest.approx(0.33 * loss[799], rel=0.15)


def test_the_unit_of_the_loss_does_not_matter():
    """In log loss a factor (bits for nats) changes heights and slopes alone."""
    loss = noisy(decay(), 0.05, Counter(9))
    loss[500] *= 2
    nats, bits = analyze(loss), analyze(loss / np.log(2))
    assert [s.start for s in nats.spikes] == [s.start for s in bits.spikes] == [500]
    assert bits.spikes[0].height == pytest.approx(nats.spikes[0].height / np.log(2))


@pytest.mark.parametrize(
    "loss, step, message",
    [
        ([], None, "a loss curve is a list"),
        ([[1.0]], None, "a loss curve is a list"),
        ([1.0, 2.0], [1], "one step a loss"),
        ([1.0, 2.0], [2, 2], "do not increase"),
        ([1.0, -2.0], None, "negative at step 1"),
    ],
)
def test_bad_curves_are_refused(loss, step, message):
    with pytest.raises(PretrainError, match=message):
        analyze(loss, step)


def test_power_law_without_noise_is_exact():
    t = np.arange(1, 2001)
    fit = power_law(1.7 + 8 * t**-0.4, replicates=10)
    # The last grid for α is 1e-6 apart, relative.
    assert fit.floor.value == pytest.approx(1.7, abs=1e-4)
    assert fit.exponent.value == pytest.approx(0.4, abs=1e-4)
    assert fit.height.value == pytest.approx(8, abs=1e-3)
    assert fit.predict(20_000).value == pytest.approx(1.7 + 8 * 20_000**-0.4, abs=1e-4)
    assert fit.steps_to(1.85).value == pytest.approx((0.15 / 8) ** -2.5, rel=0.01)


def test_a_target_below_the_floor_is_refused():
    t = np.arange(1, 2001)
    fit = power_law(noisy(1.7 + 8 * t**-0.4, 0.02, Counter(1)), replicates=100)
    for target in (1.5, fit.floor.low, fit.floor.high):
        with pytest.raises(PretrainError, match="not above the floor"):
            fit.steps_to(target)
    steps = fit.steps_to(1.9)
    assert steps.low < (0.2 / 8) ** -2.5 < steps.high


def test_power_law_intervals_hold_the_truth():
    """Fewer than 15 of 20 by chance: 1 in 100 at a coverage of 90 %, fixed seeds."""
    t, held = np.arange(1, 1001), np.zeros(3)
    for i in range(20):
        loss = noisy(1.7 + 8 * t**-0.4, 0.02, Counter(FRESH + i))
        fit = power_law(loss, replicates=100)
        for k, (found, truth) in enumerate(
            zip((fit.floor, fit.height, fit.exponent), (1.7, 8, 0.4), strict=True)
        ):
            held[k] += found.low <= truth <= found.high
    assert (held >= 15).all()


def test_power_law_refuses_what_is_none():
    with pytest.raises(PretrainError, match="does not fall"):
        power_law(np.linspace(2, 3, 200))
    with pytest.raises(PretrainError, match="too few"):
        power_law(decay(20))
    with pytest.raises(PretrainError, match="step 1 or later"):
        power_law(decay(), since=0)
