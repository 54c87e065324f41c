"""The logits widget's Python: golden cases, and the formulas that it teaches."""

import math

import pytest
import torch
from widget_site import golden

from pretrain.errors import PretrainError
from pretrain.widgets.logits import LogitsToLoss

TRAITS = "tokens logits target temperature smoothing".split()
CASES = [
    {},
    {"target": 4},
    {"logits": [0.0] * 5},
    {"logits": [10.0, -10.0, -10.0, -10.0, -10.0], "target": 1, "temperature": 0.05},
    {"logits": [-10.0, 10.0, 3.3, 0.0, 0.1], "temperature": 5.0, "smoothing": 0.9},
    {"smoothing": 0.1, "temperature": 0.7},
    {"tokens": ["a", "b"], "logits": [1.5, -0.5], "target": 1, "smoothing": 0.25},
]


def test_golden():
    cases = []
    for settings in CASES:
        widget = LogitsToLoss(**settings)
        state = {name: getattr(widget, name) for name in TRAITS}
        # 12 digits: the last ones differ from one machine's exp to another's
        answer = {
            "probabilities": [float(f"{x:.11e}") for x in widget.result()[
                "probabilities"
            ]],
            "gradient": [round(x, 12) for x in widget.result()["gradient"]],
            "loss": float(f"{widget.result()['loss']:.11e}"),
        }
        cases.append({"state": state, "answer": answer})
    golden("logits", cases)


@pytest.mark.parametrize("settings", CASES)
def test_the_gradient_is_p_minus_q_over_t(settings):
    widget = LogitsToLoss(**settings)
    result, size = widget.result(), len(widget.tokens)
    wanted = torch.full((size,), widget.smoothing / size, dtype=torch.float64)
    wanted[widget.target] += 1 - widget.smoothing
    p = torch.tensor(result["probabilities"], dtype=torch.float64)
    slope = (p - wanted) / widget.temperature
    # float64, and at most a division by 0.05 between the two: 1e-12 is wide
    torch.testing.assert_close(
        torch.tensor(result["gradient"], dtype=torch.float64), slope, rtol=0, atol=1e-12
    )


def test_equal_logits_cost_the_logarithm_of_v():
    loss = LogitsToLoss(logits=[0.0] * 5).result()["loss"]
    assert loss == pytest.approx(math.log(5), rel=1e-14)


def test_bad_input_is_told():
    for bad in (
        {"logits": [0.0, math.nan, 0.0, 0.0, 0.0]},
        {"logits": [0.0, 0.0]},
        {"target": 5},
        {"temperature": 0.0},
        {"smoothing": 1.0},
    ):
        with pytest.raises(PretrainError):
            LogitsToLoss(**bad)
