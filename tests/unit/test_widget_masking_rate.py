"""The sweep's widget: what it reads, against the experiment's own intervals."""

import math

import numpy as np
import pytest
from rate_summaries import RATES, summary
from widget_site import golden

from pretrain.errors import PretrainError
from pretrain.experiments.claims import over_seeds
from pretrain.widgets.masking_rate import MaskingRateResults, difference, points

CASES = [
    {},
    {"measure": "excess", "rate": 0.1, "shown": "mask"},
    {"measure": "probe", "rate": 0.8, "shown": "bert"},
    {"measure": "scored", "rate": 0.15},
]
TRAITS = "data measure shown rate view".split()


def test_golden():
    cases = []
    for settings in CASES:
        widget = MaskingRateResults(summary(2, rates=(0.1, 0.15, 0.4, 0.8)), **settings)
        state = {name: getattr(widget, name) for name in TRAITS}
        cases.append({"state": rounded(state), "answer": rounded(widget.result())})
    golden("masking_rate", cases)


def rounded(x):
    """12 digits: the last may differ from one machine's arithmetic to another's."""
    if isinstance(x, dict):
        return {key: rounded(value) for key, value in x.items()}
    if isinstance(x, list):
        return [rounded(value) for value in x]
    return round(x, 12) if isinstance(x, float) else x


@pytest.mark.parametrize("seeds", [2, 3, 5, 30])
def test_differences_have_the_experiments_interval(seeds):
    draw = np.random.default_rng(seeds)
    a, b = draw.normal(size=(2, seeds))
    found = over_seeds(a - b)
    # the experiments' table of quantiles has 4 decimals, a few are rounded
    wanted = [found.value, found.low, found.high]
    assert difference(a, b) == pytest.approx(wanted, rel=1e-4, abs=1e-4)


def test_one_seed_has_no_interval():
    assert difference([2.0], [0.5]) == [1.5, None, None]
    cells = points(summary(1))["mask"]["accuracy"]
    assert all(cell["low"] is None for cell in cells)
    assert MaskingRateResults(summary(1)).picture().startswith("<svg")


def test_points_are_those_of_the_summary():
    made = summary()
    found = points(made)
    assert [cell["rate"] for cell in found["bert"]["probe"]] == list(RATES)
    cell = made["arms"]["bert-0.5"]["probe"]
    assert {key: found["bert"]["probe"][5][key] for key in cell} == cell
    assert "ece" not in found["mask"]
    assert found["mask"]["loss"][1]["difference"] == [0.0, 0.0, 0.0]


def test_less_loss_and_more_accuracy_are_better():
    for measure in ("accuracy", "excess", "loss"):
        widget = MaskingRateResults(summary(), measure=measure)
        assert widget.result()["mask"]["best"] == 0.4  # as the summary was made


def test_sweeps_that_lack_something():
    one = MaskingRateResults(summary(splits=("bert",), rates=(0.3,)))
    assert (one.shown, one.rate) == ("bert", 0.3)
    assert one.result()["bert"]["told"]["difference"] is None
    assert one.picture().startswith("<svg")


def test_bad_input_is_told():
    for bad in ({"rate": 0.25}, {"rate": math.nan}, {"shown": "none"},
                {"measure": "ece"}, {"view": "map"}):
        with pytest.raises(PretrainError):
            MaskingRateResults(summary(), **bad)
    for wrong in ({}, {"arms": {}}, {"arms": {"direct-2.0": {}}}):
        with pytest.raises(PretrainError):
            MaskingRateResults(wrong)
