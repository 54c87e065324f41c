"""The span workbench's Python: golden cases, and the way back from any answer."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from widget_site import golden

from pretrain.errors import PretrainError
from pretrain.widgets.spans import TEXT, SpanWorkbench, read

STRANGE = "naïve don't 👩‍🚀 <extra_0> \ufeff 中文 हिन्दी <mask> x² well-known"
TRAITS = "text rate mean_span seed answer".split()
SETTINGS = [
    {},
    {"seed": 2},
    {"seed": 4294967295},
    {"rate": 0.15},
    {"rate": 0.01},
    {"rate": 0.95},
    {"rate": 0.95, "mean_span": 10.0},
    {"rate": 0.5, "mean_span": 1.0, "seed": 7},
    {"rate": 0.3, "mean_span": 2.5, "seed": 3},
    {"answer": ""},
    {"answer": "<extra_0> dog <extra_1>"},
    {"answer": "<extra_0> a big dog <extra_1> ran <extra_2>"},
    {"answer": "<extra_1> <extra_0> x"},
    {"answer": "so <extra_0> it <extra_1>"},
]


def test_golden():
    cases = []
    texts = (TEXT, STRANGE, "two words", "a b c d e f " * 20)
    for text, setting in itertools.product(texts, SETTINGS):
        widget = SpanWorkbench(text=text, **setting)
        state = {name: getattr(widget, name) for name in TRAITS}
        try:
            answer = widget.result()
        except PretrainError:
            answer = None
        cases.append({"state": state, "answer": answer})
    assert sum(case["answer"] is None for case in cases) == 0
    for text in ("", "one", "word " * 1000):
        widget = SpanWorkbench(text=text, rate=0.5)
        with pytest.raises(PretrainError):
            widget.result()
        state = {name: getattr(widget, name) for name in TRAITS}
        cases.append({"state": state, "answer": None})
    golden("spans", cases)


@given(
    st.integers(2, 60),
    st.floats(0.01, 0.95),
    st.floats(1.0, 10.0),
    st.integers(0, 2**32 - 1),
)
def test_the_objective_and_the_noise_shown_agree(n, rate, mean, seed):
    """The marks are drawn apart from the pair; both come from the same draws."""
    text = " ".join(f"w{i}" for i in range(n))
    result = SpanWorkbench(text=text, rate=rate, mean_span=mean, seed=seed).result()
    shown = [token for token in result["source"] if not token.startswith("<")]
    kept = [
        token
        for token, hidden in zip(result["tokens"], result["noise"], strict=True)
        if not hidden
    ]
    assert shown == kept
    assert result["restored"] == result["tokens"]
    assert not result["noise"][0] and result["noise"][-1]


def test_an_answer_of_other_words_makes_another_document():
    settings = {"text": "The cat sat on the mat", "rate": 0.3, "mean_span": 2.0}
    source = SpanWorkbench(**settings).result()["source"]
    assert source == ["The", "cat", "sat", "on", "<extra_0>"]
    answer = "<extra_0> a very soft bed <extra_1>"
    result = SpanWorkbench(**settings, answer=answer).result()
    assert result["restored"] == "The cat sat on a very soft bed".split()
    for wrong in ("", "bed", "<extra_0> bed", "<extra_1> bed <extra_0>", "<extra_0>"):
        assert SpanWorkbench(**settings, answer=wrong).result()["restored"] is None


def test_an_answer_is_read():
    assert read("<extra_0>a, b<extra_12> <extra_100> <extra_01>") == (
        ["<extra_0>", "a", ",", "b", "<extra_12>"]
        + "< extra_100 > < extra_01 >".split()
    )


def test_t5_documents_fill_its_inputs():
    """T5's own numbers: 568 tokens fit 512 inputs, with targets of 114."""
    assert SpanWorkbench(rate=0.15).result()["fits"] == [568, 114]


def test_bad_input_is_told():
    for bad in ({"rate": 0.0}, {"rate": 1.0}, {"mean_span": math.nan}):
        with pytest.raises(PretrainError):
            SpanWorkbench(**bad)
    assert "cannot be corrupted" in SpanWorkbench(text="one").alt()
    assert SpanWorkbench(text="").picture().startswith("<svg")
