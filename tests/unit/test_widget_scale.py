"""The run calculator: golden cases for JavaScript, and its numbers by hand."""

import math

import pytest
from widget_site import golden

from pretrain import scale
from pretrain.errors import PretrainError
from pretrain.widgets.scale import LENGTHS, PARTS, VOCABULARIES, RunCalculator

LLAMA = {  # @touvron2023llama: 65.2 billion weights, 380 tokens a second and GPU
    "parameters": 65.2e9,
    "tokens": 1.4e12,
    "chip": "A100",
    "chips": 2048,
    "utilization": 6 * 65.2e9 * 380 / 312e12,
}
LLAMA3 = {  # @grattafiori2024llama3
    "parameters": 405e9,
    "tokens": 15.6e12,
    "chips": 16_384,
    "rows": 1,
    "length": 8192,
    "vocabulary": 128_000,
}
CASES = [
    {},
    {"cut": True, "rows": 8},
    {"cut": True, "rows": 8, "recompute": True},
    {"cut": True, "chunked": True, "precision": "mixed, 8-bit Adam"},
    {"precision": "float32", "price": 0.0, "utilization": 1.0},
    {"parameters": 1e7, "tokens": 1e8, "chips": 1, "rows": 1, "length": 512},
    {"parameters": 1e12, "tokens": 1e14, "chips": 100_000, "rows": 64},
    {"length": LENGTHS[-1], "vocabulary": VOCABULARIES[-1], "chip": "TPU v4"},
    {"rows": 1, "length": 512, "chunked": True, "recompute": True},
    LLAMA,
    LLAMA3,
]


def traits() -> list[str]:
    return list(RunCalculator.class_own_traits(sync=True))


def twelve(value):
    """12 digits: the last ones differ from one machine's power to another's."""
    if isinstance(value, dict):
        return {key: twelve(each) for key, each in value.items()}
    if isinstance(value, list):
        return [twelve(each) for each in value]
    return float(f"{value:.11e}") if isinstance(value, float) else value


def test_golden():
    cases = []
    for settings in CASES:
        widget = RunCalculator(**settings)
        state = {name: getattr(widget, name) for name in traits()}
        cases.append({"state": state, "answer": twelve(widget.result())})
    golden("scale", cases)


def test_it_opens_on_a_run_that_one_box_makes_fit():
    """The prediction that the chapter asks for has one answer."""
    assert not RunCalculator().result()["fits"]
    boxes = ("cut", "recompute", "chunked")
    fits = [box for box in boxes if RunCalculator(**{box: True}).result()["fits"]]
    assert fits == ["cut"]
    eight = {"cut": True, "rows": 8}
    assert not RunCalculator(**eight).result()["fits"]
    assert not RunCalculator(**eight, chunked=True).result()["fits"]
    assert RunCalculator(**eight, recompute=True).result()["fits"]


def test_more_chips_are_days_and_no_money():
    one, two = (RunCalculator(chips=n).result() for n in (64, 128))
    assert two["days"] == one["days"] / 2
    assert two["dollars"] == one["dollars"]
    # at 20 tokens a weight, twice the weights are four times the operations
    twice = RunCalculator(parameters=14e9, tokens=280e9).result()
    assert twice["dollars"] == pytest.approx(4 * one["dollars"], rel=1e-14)
    assert twice["balanced"] == pytest.approx([14e9, 280e9], rel=1e-14)


def test_the_second_forward_pass_is_a_third_more_time():
    plain, again = (RunCalculator(recompute=on).result() for on in (False, True))
    assert again["days"] == pytest.approx(plain["days"] * 4 / 3, rel=1e-14)
    assert again["mfu"] == pytest.approx(0.75 * plain["mfu"], rel=1e-14)
    assert again["operations"] == plain["operations"]
    assert again["memory"]["blocks"] < 0.1 * plain["memory"]["blocks"]


def test_a_published_run():
    """LLaMA-65B: about 21 days, 1,022,362 GPU-hours; GPUs of 80 GB."""
    found = RunCalculator(**LLAMA).result()
    assert found["days"] == pytest.approx(21, abs=0.5)
    assert found["hours"] == pytest.approx(1_022_362, rel=0.01)
    assert found["card"] == 80e9
    # the paper's 3.8e25, to its two digits
    assert RunCalculator(**LLAMA3).result()["operations"] == pytest.approx(
        3.8e25, rel=0.01
    )


def test_parts_and_names_are_the_packages():
    found = RunCalculator().result()
    assert list(found["memory"]) == list(PARTS)
    assert found["total"] == sum(found["memory"].values())
    for chip in scale.CHIPS:
        assert RunCalculator(chip=chip).result()["card"] == scale.CHIPS[chip].memory
    for name, each in scale.PRECISIONS.items():
        got = RunCalculator(precision=name).result()["memory"]
        states = (got["weights"] + got["gradients"] + got["optimizer"]) / 7e9
        assert states == each.weight + each.gradient + each.optimizer


def test_bad_input_is_told():
    for bad in (
        {"parameters": 1e6},
        {"parameters": math.nan},
        {"tokens": 1e15},
        {"chip": "abacus"},
        {"chips": 0},
        {"price": -1.0},
        {"utilization": 1.1},
        {"precision": "float8"},
        {"rows": 65},
        {"length": 1000},
        {"vocabulary": 50_257},
    ):
        with pytest.raises(PretrainError):
            RunCalculator(**bad)


def test_the_sentence_and_the_picture():
    assert "156 GB, does not fit into its 80 GB" in RunCalculator().alt()
    assert "45 GB, fits into its 80 GB" in RunCalculator(cut=True).alt()
    for settings in CASES:
        widget = RunCalculator(**settings)
        assert widget.picture().startswith("<svg")
        assert widget.alt() in widget.picture()
