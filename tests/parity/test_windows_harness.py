"""Sliding windows against lm-evaluation-harness's rolling log-likelihood windows.

The expected windows are those that its documentation and its own tests state for
``get_rolling_token_windows`` and ``make_disjoint_window``, and a literal statement of
its rule, run over many sizes.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain.evaluation.windows import Window, rolling_windows

P = -100


def harness(tokens, max_seq_len, context_len):
    """The same call in the harness's own arguments."""
    stride = max_seq_len - context_len + 1
    return [tuple(w) for w in rolling_windows(tokens, P, max_seq_len, stride)]


def test_disjoint_windows_of_ten():
    """Its test v1: max_seq_len 10, context_len 1."""
    assert harness(list(range(34)), 10, 1) == [
        ([P, 0, 1, 2, 3, 4, 5, 6, 7, 8], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (list(range(9, 19)), list(range(10, 20))),
        (list(range(19, 29)), list(range(20, 30))),
        (list(range(23, 33)), [30, 31, 32, 33]),
    ]


def test_three_new_tokens_a_window():
    """Its test v2: context_len 8."""
    assert harness(list(range(34)), 10, 8) == [
        ([P, 0, 1, 2, 3, 4, 5, 6, 7, 8], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (list(range(2, 12)), [10, 11, 12]),
        (list(range(5, 15)), [13, 14, 15]),
        (list(range(8, 18)), [16, 17, 18]),
        (list(range(11, 21)), [19, 20, 21]),
        (list(range(14, 24)), [22, 23, 24]),
        (list(range(17, 27)), [25, 26, 27]),
        (list(range(20, 30)), [28, 29, 30]),
        (list(range(23, 33)), [31, 32, 33]),
    ]


@pytest.mark.parametrize("size", [34, 30])
def test_full_context_for_each_token(size):
    """Its tests v3 and v4: context_len 10."""
    expected = [([P, 0, 1, 2, 3, 4, 5, 6, 7, 8], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])]
    expected += [(list(range(i - 10, i)), [i]) for i in range(10, size)]
    assert harness(list(range(size)), 10, 10) == expected


def test_windows_of_two():
    """Its test v6: max_seq_len 2, context_len 1."""
    assert harness(list(range(9)), 2, 1) == [
        ([P, 0], [0, 1]),
        ([1, 2], [2, 3]),
        ([3, 4], [4, 5]),
        ([5, 6], [6, 7]),
        ([6, 7], [8]),
    ]


def test_no_tokens_no_windows():
    assert harness([], 2, 1) == []


def test_context_and_continuation():
    """Its test of ``make_disjoint_window``."""
    inputs = [1, 2, 3, 4, 5]
    assert Window(inputs, [2, 3, 4, 5, 6]).split() == ([1], [2, 3, 4, 5, 6])
    assert Window(inputs, [4, 5, 6]).split() == ([1, 2, 3], [4, 5, 6])
    assert Window(inputs, [6]).split() == (inputs, [6])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(size=st.integers(0, 60), length=st.integers(1, 20), data=st.data())
def test_the_rule_as_stated(size, length, data):
    """The first predicts up to max_seq_len tokens, with the prefix in front.

    Each later one predicts the next max_seq_len − context_len + 1 (or what is left),
    from the max_seq_len tokens before the last of them.
    """
    context = data.draw(st.integers(1, length))
    tokens = list(range(size))
    expected, predicted = [], 0
    if tokens:
        predicted = min(length, size)
        expected.append(([P, *tokens[: predicted - 1]], tokens[:predicted]))
    while predicted < size:
        end = min(predicted + length - context + 1, size)
        expected.append((tokens[end - length - 1 : end - 1], tokens[predicted:end]))
        predicted = end
    assert harness(tokens, length, context) == expected
