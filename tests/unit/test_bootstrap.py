"""Bootstrap intervals against SciPy's on the same draws, and how often they cover."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pretrain.errors import EmptyLossError, PretrainError
from pretrain.evaluation.bootstrap import (
    Interval,
    bootstrap,
    compare,
    difference,
    mean,
    ratio_of_sums,
    score_interval,
)
from pretrain.evaluation.likelihood import Score, ratio

DRAWN = np.random.default_rng(1)
NATS = DRAWN.gamma(2.0, 5.0, size=60)
COUNTS = DRAWN.integers(3, 30, size=60)


@pytest.mark.parametrize("method", ["percentile", "bca"])
@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize(
    ("statistic", "arrays"),
    [
        (mean, (NATS,)),
        (ratio_of_sums, (NATS, COUNTS)),
        (difference(mean), (NATS, NATS[::-1] ** 1.5)),
        (lambda x: float(np.exp(np.mean(x))), (NATS / 10,)),
    ],
)
def test_the_interval_is_scipys(statistic, arrays, method, level):
    """SciPy draws (n, units) indices at once, which are the same numbers."""
    ours = bootstrap(statistic, *arrays, n=500, seed=4, level=level, method=method)
    theirs = stats.bootstrap(
        arrays,
        statistic,
        n_resamples=500,
        paired=True,
        vectorized=False,
        confidence_level=level,
        method=method,
        rng=np.random.default_rng(4),
    ).confidence_interval
    assert ours.value == statistic(*arrays)
    # The same sums; BCa's quantiles pass through two forms of the normal distribution.
    assert ours.interval == pytest.approx((theirs.low, theirs.high), rel=1e-9)


def test_95_percent_intervals_hold_the_truth_about_95_percent_of_the_time():
    """The expectation of a sum over an expectation of a count, 400 sets of 50 units."""
    generator = np.random.default_rng(0)
    held = 0
    for trial in range(400):
        counts = generator.integers(1, 20, size=50)
        totals = counts * 0.5 + generator.normal(size=50)
        found = bootstrap(ratio_of_sums, totals, counts, n=200, seed=trial)
        held += found.low <= 0.5 <= found.high
    # binomial: 0.95 ± 3 · 0.011, and percentile intervals of 50 units lack a point
    assert 0.90 < held / 400 < 0.985


def test_it_agrees_with_the_linearized_error_of_a_ratio():
    found = bootstrap(ratio_of_sums, NATS, COUNTS, n=4000)
    low, high = ratio(NATS, COUNTS).interval
    # the bootstrap's error has no n/(n−1), 4000 draws scatter by 2 %, skewness tilts
    assert found.high - found.low == pytest.approx(high - low, rel=0.08)


def test_pairing_narrows_a_difference():
    """Two systems on the same hard and easy documents."""
    hard = np.random.default_rng(2).normal(10, 5, size=100)
    a, b = hard + 0.1, hard + np.random.default_rng(3).normal(0, 0.1, size=100)
    paired = bootstrap(difference(mean), a, b)
    assert paired.low > 0 and paired.high < 0.2, "0.1 is found"
    alone = bootstrap(mean, a)
    assert alone.high - alone.low > 20 * (paired.high - paired.low)


def test_two_models_on_the_same_documents():
    worse = Score(NATS + 0.1 * COUNTS, COUNTS)
    better = Score(NATS, COUNTS)
    gap = compare(worse, better)
    # every document gives exactly 0.1, but for rounding
    assert gap.value == pytest.approx(0.1) and gap.high - gap.low < 1e-12
    same = bootstrap(
        difference(ratio_of_sums), worse.nats, COUNTS, better.nats, COUNTS
    )
    assert gap.interval == pytest.approx(same.interval, rel=1e-9)
    alone = score_interval(better)
    assert alone.value == pytest.approx(better.mean)
    assert alone.high - alone.low > 0.05
    with pytest.raises(PretrainError, match="not scored on the same tokens"):
        compare(worse, Score(NATS, COUNTS + 1))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    values=st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30),
    seed=st.integers(0, 100),
    method=st.sampled_from(["percentile", "bca"]),
)
def test_bounds_are_ordered_seeded_and_inside_the_data(values, seed, method):
    options = {"n": 100, "seed": seed, "method": method}
    before = list(values)
    try:
        first = bootstrap(mean, values, **options)
    except PretrainError as error:
        assert "beyond that of every resample" in str(error)
        return
    assert first == bootstrap(mean, values, **options) and values == before
    # means are rounded, by an ulp of 1e3 or so
    assert min(values) - 1e-9 <= first.low <= first.high <= max(values) + 1e-9


def test_equal_units_leave_no_doubt_and_one_unit_all():
    for method in ("percentile", "bca"):
        assert bootstrap(mean, [2.0] * 9, method=method) == Interval(2.0, 2.0, 2.0)
    alone = bootstrap(mean, [2.0])
    assert alone.value == 2.0 and np.isnan(alone.interval).all()


def test_a_wider_level_is_wider_and_it_prints():
    narrow, wide = (bootstrap(mean, NATS, level=level) for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high
    assert str(Interval(0.5, 0.25, 0.75)) == "0.5000 [0.2500, 0.7500]"


def test_what_cannot_be_resampled_is_named():
    with pytest.raises(PretrainError, match="cannot be resampled together"):
        bootstrap(ratio_of_sums, [1, 2], [1, 2, 3])
    for arrays in ((), (3.0,)):
        with pytest.raises(PretrainError, match="cannot be resampled together"):
            bootstrap(mean, *arrays)
    with pytest.raises(EmptyLossError, match="no units"):
        bootstrap(mean, [])
    with pytest.raises(PretrainError, match="resamples"):
        bootstrap(ratio_of_sums, [1.0, 1.0], [0, 5])
    with pytest.raises(PretrainError, match="on all units"):
        bootstrap(ratio_of_sums, [1.0, 1.0], [0, 0])
    with pytest.raises(PretrainError, match="two equal halves"):
        bootstrap(difference(mean), [1.0, 2.0])
    for wrong in ({"level": 1.0}, {"level": 0.0}, {"n": 0}, {"method": "normal"}):
        with pytest.raises(PretrainError, match="does not work"):
            bootstrap(mean, [1.0, 2.0], **wrong)
    with pytest.raises(PretrainError, match="no correction"):
        bootstrap(lambda x: float(len(np.unique(x))), np.arange(30), method="bca")
