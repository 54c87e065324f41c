"""Answers: what counts as the same, by the rules and examples of each benchmark."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pretrain.errors import PretrainError
from pretrain.evaluation.answers import (
    best_span,
    boxed,
    exact_match,
    f1,
    gsm8k_answer,
    gsm8k_correct,
    last_number,
    math_correct,
    math_normalized,
    normalized,
)

# -- SQuAD --------------------------------------------------------------------------


def test_normalization():
    text = "The  Eiffel-Tower, an icon (of a city)."
    assert normalized(text) == "eiffeltower icon of city"
    assert normalized("another theater") == "another theater", "only whole words"


def test_words_in_common():
    assert exact_match("the Eiffel Tower!", ["Louvre", "Eiffel tower"]) == 1
    assert exact_match("Tower", ["Eiffel tower"]) == 0
    assert f1("the tall Tower", ["Eiffel tower"]) == pytest.approx(0.5)
    assert f1("tower tower", ["tower"]) == pytest.approx(2 / 3), "each word once"
    assert f1("tower", ["b c tower", "tower here"]) == pytest.approx(2 / 3), "the best"


def test_no_answer_as_squad_2_has_it():
    assert f1("", [""]) == f1("the", [""]) == 1
    assert f1("cat", [""]) == f1("", ["cat"]) == 0
    with pytest.raises(PretrainError, match="a list"):
        f1("cat", "cat")
    with pytest.raises(PretrainError, match="one text or more"):
        exact_match("cat", [])


# Small whole numbers, so that ties occur and sums are exact.
logits = st.lists(
    st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.booleans()),
    min_size=1,
    max_size=8,
)


@given(logits, st.integers(1, 10))
def test_the_best_span_is_the_best_of_all(rows, longest):
    start, end, allowed = map(np.array, zip(*rows, strict=True))
    spans = [
        (i, j + 1)
        for i in range(len(rows))
        for j in range(i, min(len(rows), i + longest))
        if allowed[i] and allowed[j]
    ]
    if not spans:
        with pytest.raises(PretrainError, match="no span"):
            best_span(start, end, longest, allowed)
        return
    best = max(spans, key=lambda span: start[span[0]] + end[span[1] - 1])
    assert best_span(start, end, longest, allowed) == best


def test_the_two_best_ends_may_cross():
    """Taking both arg-maxes would give the span from 2 back to 0."""
    assert best_span([0, 1, 9], [9, 1, 0], longest=3) == (0, 1)


def test_spans_that_cannot_be_are_told():
    with pytest.raises(PretrainError, match="same length"):
        best_span([1, 2], [1], 1)
    with pytest.raises(PretrainError, match="not a number"):
        best_span([1, math.nan], [1, 2], 1)


# -- GSM8K --------------------------------------------------------------------------

SOLUTION = "Natalia sold 48/2 = <<48/2=24>>24 clips in May.\n#### 1,072"


def test_the_number_after_the_hashes():
    assert gsm8k_answer(SOLUTION) == "1072"
    assert gsm8k_answer("#### -3.5 dollars") == "-3.5"
    assert gsm8k_answer("#### none") is None
    assert gsm8k_answer("1072") is None


@pytest.mark.parametrize(
    "text", ["#### 1072", "so\n#### 1,072.", "#### 1072.00", "2 #### 1,072 and 7"]
)
def test_right_in_any_notation(text):
    assert gsm8k_correct(text, SOLUTION)


@pytest.mark.parametrize(
    "text", ["", "1072", "#### ,", "#### .", "#### -", "#### 1.2.3", "####", "#### 107"]
)
def test_invalid_is_wrong(text):
    assert not gsm8k_correct(text, SOLUTION)


def test_the_lenient_rule():
    assert last_number("first 7, then -1,072.50 in all.") == "-1072.50"
    assert last_number("none") is None
    assert gsm8k_correct("The answer is 1,072.", SOLUTION, lenient=True)
    assert not gsm8k_correct("1,072 is 7 too many", SOLUTION, lenient=True)
    assert not gsm8k_correct("#### 7, not 1072", SOLUTION, lenient=True)
    with pytest.raises(PretrainError, match="check the data"):
        gsm8k_correct("#### 1", "1")


# -- MATH ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, found",
    [
        (r"so $\boxed{\frac{1}{\sqrt{2}}}$.", r"\frac{1}{\sqrt{2}}"),
        (r"\boxed{1} or rather \boxed{2}", "2"),
        (r"\boxed{1} or rather \boxed{2", "1"),
        (r"\boxed {\{1, 2\}}", r"\{1, 2\}"),
        (r"\fbox{1} \fboxed{3}", "3"),
        (r"\boxed{}", ""),
        (r"\boxed{a}}", "a"),
        (r"\boxed", None),
        (r"boxed{1}", None),
        ("\\boxed{1\\", None),
        ("", None),
    ],
)
def test_the_last_closed_box(text, found):
    assert boxed(text) == found


@given(st.recursive(st.text("ab \\$", max_size=4), lambda x: x.map("{{{}}}".format)))
def test_boxes_round_trip(content):
    """Whatever is balanced comes out as it went in, unless it ends on a backslash."""
    content = content.replace("\\", "\\\\")
    assert boxed(rf"x \boxed{{{content}}} y") == content


@pytest.mark.parametrize(
    "a, b",
    [
        (r"\dfrac{1}{2}", r"\frac12"),
        ("1/2", r"\frac{1}{2}"),
        (r"\left( 1, 2 \right)", "(1,2)"),
        (r"10\%", "10"),
        (r"90^\circ", "90"),
        (r"5 \text{ cm}", "5"),
        (r"\text{east}", "east"),
        (r"\$1{,}000", "1000"),
        ("1,000,000", "1000000"),
        (".5", "0.5"),
        ("(.5, -.25)", "(0.5,-0.25)"),
        ("7.", "7"),
        (r"2\,\pi", r"2\pi"),
    ],
)
def test_the_same_in_two_notations(a, b):
    assert math_normalized(a) == math_normalized(b)
    assert math_correct(rf"\boxed{{{a}}}", rf"\boxed{{{b}}}")


@pytest.mark.parametrize(
    "a, b",
    [
        ("x+1", "1+x"),
        ("1", "-1"),
        ("1,2", "12"),
        ("0.5", "0.05"),
        (r"\leftarrow", "arrow"),
    ],
)
def test_different(a, b):
    assert not math_correct(rf"\boxed{{{a}}}", rf"\boxed{{{b}}}")


@given(st.text(r"\boxed{}frac12#,. -$", max_size=30))
def test_no_text_is_an_error(text):
    """Invalid is wrong, and the program goes on; normalizing twice changes nothing."""
    assert math_correct(text, r"\boxed{unlikely}") is False
    assert gsm8k_correct(text, "#### 987654", lenient=True) is False
    math_normalized(text)


def test_no_box_in_the_solution():
    with pytest.raises(PretrainError, match="check the data"):
        math_correct(r"\boxed{1}", "1")
    assert not math_correct("1", r"\boxed{1}")
