"""Reliability tables against scikit-learn's ``calibration_curve``."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from pretrain.evaluation.calibration import reliability

STRATEGY = {"width": "uniform", "mass": "quantile"}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    size=st.integers(2, 400),
    bins=st.integers(1, 20),
    scheme=st.sampled_from(["width", "mass"]),
    rounded=st.booleans(),
    seed=st.integers(0, 100),
)
def test_the_table_is_scikit_learns(size, bins, scheme, rounded, seed):
    """Also where confidences fall on the edges and many are equal (rounded)."""
    generator = np.random.default_rng(seed)
    confidence = generator.beta(2, 1, size=size)
    if rounded:
        confidence = confidence.round(1)
    right = generator.random(size) < confidence
    found = reliability(confidence, right, bins, scheme)
    accuracy, mean = calibration_curve(
        right, confidence, n_bins=bins, strategy=STRATEGY[scheme]
    )
    # the same sums of up to 400 numbers of size 1
    np.testing.assert_allclose(found.accuracy, accuracy, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.confidence, mean, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("scheme", ["width", "mass"])
def test_the_error_is_the_weighted_gap_of_its_curve(scheme):
    """Weights counted by NumPy's histogram, which has no say in the table."""
    generator = np.random.default_rng(3)
    confidence = generator.beta(2, 1, size=5000)
    right = generator.random(5000) < confidence**2
    accuracy, mean = calibration_curve(
        right, confidence, n_bins=10, strategy=STRATEGY[scheme]
    )
    edges = np.linspace(0, 1, 11)
    if scheme == "mass":
        edges = np.percentile(confidence, 100 * edges)
    counts, _ = np.histogram(confidence, edges)
    expected = np.average(np.abs(accuracy - mean), weights=counts)
    found = reliability(confidence, right, 10, scheme)
    assert found.error == pytest.approx(expected, rel=1e-12)
    assert found.counts.tolist() == counts.tolist()
