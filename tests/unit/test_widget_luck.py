"""Better or luck: golden tests for JavaScript, exact chances, and the bootstrap."""

import math
from collections import Counter as Tally

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from widget_site import golden

from pretrain.errors import PretrainError
from pretrain.evaluation.bootstrap import bootstrap, difference, mean
from pretrain.widgets.luck import (
    MOST,
    SIZES,
    TESTS,
    BetterOrLuck,
    binomial,
    histogram,
    paired,
    quantile,
    share,
)

CASES = [
    {},
    {"questions": 50, "accuracy": 0.8, "lead": 0.1, "alike": 1.0},
    {"questions": 50, "accuracy": 0.2, "lead": -0.1, "alike": 0.0, "test": TESTS - 1},
    {"questions": 1319, "lead": 0.0, "versions": 20, "seed": 7},
    {"questions": 817, "lead": 0.0, "alike": 1.0, "versions": 3},
    {"questions": 14_042, "accuracy": 0.43, "lead": 0.005, "alike": 0.95, "test": 5},
]
TRAITS = "questions accuracy lead alike versions test seed".split()


def state(widget: BetterOrLuck) -> dict:
    return {name: getattr(widget, name) for name in TRAITS}


def test_golden():
    widgets = [BetterOrLuck(**settings) for settings in CASES]
    golden("luck", [{"state": state(w), "answer": w.result()} for w in widgets])


def answers(counts: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Counts of both right, only A, only B, neither as one answer a question."""
    return np.repeat([1.0, 1, 0, 0], counts), np.repeat([1.0, 0, 1, 0], counts)


@pytest.mark.parametrize("counts", [[60, 20, 26, 58], [400, 31, 52, 334]])
def test_the_intervals_are_what_the_bootstrap_comes_to(counts):
    a, b = answers(counts)
    n = len(a)
    both, only_a, only_b, _ = counts
    for ours, theirs in (
        (share(both + only_a, n), bootstrap(mean, a)),
        (paired(only_a, only_b, n), bootstrap(difference(mean), b, a)),
    ):
        assert ours["value"] == pytest.approx(theirs.value, abs=1e-15)
        error = (ours["high"] - ours["low"]) / (2 * 1.96)
        # a 2.5 % quantile of 2,000 resamples has itself an error of 0.06 standard
        # errors; four of those, and the resamples' steps of 1/n
        allowed = 0.24 * error + 1 / n
        assert abs(ours["low"] - theirs.low) < allowed
        assert abs(ours["high"] - theirs.high) < allowed
        values = a if theirs.value == a.mean() else b - a
        # the standard deviation of what each question counts, over the root of n
        assert error == pytest.approx(values.std() / math.sqrt(n), rel=1e-12)


@given(st.integers(0, 400), st.floats(0.001, 0.999), st.floats(0, 1, exclude_max=True))
def test_binomial_counts_are_those_of_scipy(n, p, u):
    least, sums = binomial(n, p)
    chances = np.array(sums) / sums[-1]
    # what is left out at either end has less than 400 · 1e-15
    exact = stats.binom.cdf(np.arange(least, least + len(sums)), n, p)
    assert np.abs(chances - exact).max() < 1e-11
    found = quantile((least, sums), u)
    assert stats.binom.cdf(found, n, p) > u - 1e-11
    assert found == least or stats.binom.cdf(found - 1, n, p) <= u + 1e-11


def test_binomial_counts_that_are_sure():
    assert binomial(0, 0.5) == binomial(9, 0.0) == (0, [1.0])
    assert binomial(9, 1.0) == (9, [1.0])
    assert quantile((9, [1.0]), 0.999) == 9


def near(count: int, chance: float) -> bool:
    """Whether 2,000 tests may count this: four standard errors, and one test."""
    error = math.sqrt(TESTS * chance * (1 - chance))
    return abs(count - TESTS * chance) < 4 * error + 1


@pytest.mark.parametrize("alike", [0.0, 0.6, 1.0])
def test_the_shares_are_the_exact_chances(alike):
    """All tests of 50 questions enumerated: how many only A has, how many only B."""
    n, a, b = 50, 0.6, 0.66
    both = alike * a + (1 - alike) * a * b
    x, y = (each.ravel() for each in np.mgrid[: n + 1, : n + 1])
    fits = x + y <= n
    x, y = x[fits], y[fits]
    cells = np.stack([x, y, n - x - y], 1)
    each = [a - both, b - both, 1 - a - b + 2 * both]
    chances = stats.multinomial.pmf(cells, n, each)
    assert chances.sum() == pytest.approx(1, abs=1e-9)
    found = BetterOrLuck(questions=n, lead=b - a, alike=alike).result()["tests"]
    above = [paired(*cell, n)["low"] > 0 for cell in zip(x, y, strict=True)]
    for key, event in (
        ("a_leads", x > y), ("equal", x == y), ("b_leads", x < y), ("b_shown", above)
    ):
        assert near(found[key], chances[event].sum()), key


def test_the_best_of_several_independent_versions():
    """The chance that the best of five beats A, from the binomials alone."""
    n, k = 100, 5
    scores = np.arange(n + 1)
    at_most = stats.binom.cdf(scores, n, 0.6) ** k  # the best has this many or fewer
    chance = stats.binom.pmf(scores, n, 0.6) @ (1 - at_most)
    widget = BetterOrLuck(questions=n, lead=0.0, alike=0.0, versions=k)
    assert near(widget.result()["tests"]["b_leads"], chance)


@pytest.mark.parametrize("settings", CASES)
def test_the_counts_add_up(settings):
    widget = BetterOrLuck(**settings)
    result = widget.result()
    both, only_a, only_b, neither = result["counts"]
    assert both + only_a + only_b + neither == widget.questions
    assert min(result["counts"]) >= 0
    # leads are spread over bins, whose shares are sums of some thousand floats
    assert sum(result["histogram"]) == pytest.approx(TESTS, rel=1e-9)
    kinds = ("a_leads", "equal", "b_leads")
    assert sum(result["tests"][key] for key in kinds) == TESTS
    assert len(result["histogram"]) == 2 * MOST + 1
    lead = result["b"]["value"] - result["a"]["value"]
    assert result["paired"]["value"] == pytest.approx(lead, abs=1e-12)


def test_pairing_helps_the_more_the_more_is_alike():
    widths = []
    for alike in (0.0, 0.5, 1.0):
        found = BetterOrLuck(questions=1319, alike=alike).result()
        width = {k: found[k]["high"] - found[k]["low"] for k in ("paired", "unpaired")}
        widths.append(width["paired"] / width["unpaired"])
    # without anything alike the two agree but for how this test fell out
    assert widths[0] == pytest.approx(1, abs=0.1)
    assert widths[0] > widths[1] > widths[2]
    assert widths[2] < 0.4


def test_the_histogram_by_hand():
    """Of 50 questions one is two points: half of its bin, and a quarter either side."""
    bins = histogram(Tally({0: 4, 1: 8, 40: 1}), 50)
    assert bins[MOST - 1 : MOST + 5] == [1, 2, 1 + 2, 4, 2, 0]
    assert bins[-1] == 1 and sum(bins) == 13


def test_it_opens_on_a_test_that_the_worse_model_won():
    widget = BetterOrLuck()
    found = widget.result()["paired"]
    assert widget.lead > 0 > found["value"] and found["high"] > 0


def test_bad_input_is_told():
    for bad in (
        {"questions": 400}, {"accuracy": 0.9}, {"lead": math.nan}, {"lead": 0.2},
        {"alike": 1.1}, {"versions": 0}, {"versions": 21}, {"test": TESTS},
        {"test": -1},
    ):
        with pytest.raises(PretrainError):
            BetterOrLuck(**bad)
    for n in SIZES:
        assert f"{n:,} questions" in BetterOrLuck(questions=n).alt()
