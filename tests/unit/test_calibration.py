"""Calibration error on cases with a known answer."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain.corpora.document import Document
from pretrain.errors import EmptyLossError, PretrainError
from pretrain.evaluation.calibration import (
    calibration_interval,
    expected_calibration_error,
    reliability,
    top_label,
    top_label_of,
)
from pretrain.evaluation.likelihood import prepare, scored_tokens
from pretrain.losses import IGNORE
from pretrain.model import ModelConfig, Transformer, redraw
from pretrain.objectives import Causal, Masked
from pretrain.tokens import words


def drawn(size, accuracy=lambda c: c, seed=0):
    """Confidences, and answers that are right with probability accuracy(confidence)."""
    generator = np.random.default_rng(seed)
    confidence = generator.uniform(0.1, 1.0, size=size)
    return confidence, generator.random(size) < accuracy(confidence)


@pytest.mark.parametrize("scheme", ["width", "mass"])
def test_a_calibrated_model_has_an_error_of_chance_alone(scheme):
    confidence, right = drawn(200_000)
    error = expected_calibration_error(confidence, right, scheme=scheme)
    # Σ over 15 bins of √(2/π · p(1−p)/n_b) · n_b/n is 0.0033 at most
    assert error < 0.0033
    small = [
        expected_calibration_error(*drawn(1000, seed=seed), scheme=scheme)
        for seed in range(20)
    ]
    # 0.0397 over 200 seeds, each with a deviation of 0.008
    assert 0.03 < np.mean(small) < 0.05, "as the module says: about 0.04"


@pytest.mark.parametrize("scheme", ["width", "mass"])
def test_overconfidence_is_measured(scheme):
    confidence, right = drawn(100_000, lambda c: 0.8 * c)
    error = expected_calibration_error(confidence, right, scheme=scheme)
    # the gap is 0.2·c, of mean 0.11; chance adds and removes less than a thousandth
    assert error == pytest.approx(0.2 * confidence.mean(), abs=0.003)
    exact = expected_calibration_error(np.full(10, 0.9), [1, 0] * 5, scheme=scheme)
    assert exact == pytest.approx(0.4)


def test_gaps_cancel_inside_a_bin_and_not_between_bins():
    confidence, right = np.array([0.6, 0.8]), np.array([1, 0])
    assert expected_calibration_error(confidence, right, 1) == pytest.approx(0.2)
    assert expected_calibration_error(confidence, right, 2) == pytest.approx(0.2)
    assert expected_calibration_error(confidence, right, 4) == pytest.approx(0.6)
    assert reliability(confidence, right, 4).largest == pytest.approx(0.8)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    size=st.integers(1, 300),
    bins=st.integers(1, 30),
    scheme=st.sampled_from(["width", "mass"]),
    seed=st.integers(0, 50),
)
def test_tables_hold_every_position_once(size, bins, scheme, seed):
    confidence, right = drawn(size, seed=seed)
    table = reliability(confidence, right, bins, scheme)
    assert table.counts.sum() == size and table.counts.min() > 0
    assert (table.counts * table.accuracy).sum() == pytest.approx(right.sum())
    # means of equal numbers are rounded
    assert (table.low - 1e-12 <= table.confidence).all()
    assert (table.confidence <= table.high + 1e-12).all()
    assert 0 <= table.error <= table.largest <= 1
    if scheme == "mass":
        assert table.counts.max() - table.counts.min() <= 1 + size % bins
    assert len(str(table).splitlines()) == len(table.counts) + 1


def test_the_first_choice_and_its_probability():
    p = torch.tensor([[0.2, 0.7, 0.1], [0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    confidence, right = top_label(p.log()[None], torch.tensor([[1, 2, IGNORE]]))
    assert confidence == pytest.approx([0.7, 0.5]) and right.tolist() == [True, False]


@pytest.mark.parametrize("objective", [Causal(), Masked()])
def test_positions_of_a_model_know_their_documents(objective):
    tokenizer = words(["a b c d e f g h"])
    generator = np.random.default_rng(0)
    documents = [
        Document(tuple(generator.integers(4, 12, size=n).tolist()), "x")
        for n in (5, 30, 2, 17)
    ]
    model = redraw(Transformer(ModelConfig(12, width=16, depth=1, heads=2)), seed=1)
    held_out = prepare(documents, tokenizer, objective, 10)
    confidence, right, owner = top_label_of(model, held_out)
    assert len(confidence) == len(right) == len(owner)
    assert np.bincount(owner).tolist() == [len(i) for i in scored_tokens(held_out)]
    assert (confidence > 1 / 12).all() and (confidence < 1).all()
    found = calibration_interval(confidence, right, owner, n=100)
    error = expected_calibration_error(confidence, right)
    assert found.value == pytest.approx(error, rel=1e-12)  # summed in another order


def test_resampling_documents_is_wider_than_resampling_their_tokens():
    """50 documents of 100 positions that are all right or all wrong."""
    confidence = np.full(5000, 0.7)
    right = np.repeat(np.random.default_rng(0).random(50) < 0.5, 100)
    owner = np.repeat(np.arange(50), 100)
    tokens = calibration_interval(confidence, right, n=300)
    documents = calibration_interval(confidence, right, owner, n=300)
    assert tokens.value == documents.value
    ratio = (documents.high - documents.low) / (tokens.high - tokens.low)
    assert 8 < ratio < 12, "√100 times as wide"


def test_what_has_no_calibration_is_said():
    with pytest.raises(EmptyLossError, match="nothing was scored"):
        reliability([], [])
    for wrong, message in (
        (([0.5], [1, 0]), "same length"),
        (([[0.5]], [[1]]), "same length"),
        (([1.5], [1]), "from 0 to 1"),
        (([np.nan], [1]), "from 0 to 1"),
        (([0.5], [1], 0), "0 bins"),
        (([0.5], [1], 5, "equal"), "scheme 'equal'"),
    ):
        with pytest.raises(PretrainError, match=message):
            reliability(*wrong)
    with pytest.raises(PretrainError, match="one for each"):
        calibration_interval([0.5, 0.6], [1, 0], [0])
    with pytest.raises(PretrainError, match="do not fit"):
        top_label(torch.zeros(2, 3, 4), torch.zeros(2, dtype=torch.long))
