"""Messages: what is sent arrives, and nothing that arrives can do harm."""

import json
import socket

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grading.inside import wire
from grading.inside.selection import Library, is_stub, parse, selected, without_magics

PLAIN = st.none() | st.booleans() | st.text() | st.integers(-(2**63) + 1, 2**63 - 1)
PLAIN |= st.floats(allow_nan=False)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4)
    | st.lists(inner, max_size=4).map(tuple)
    | st.dictionaries(st.text() | st.integers(0, 9), inner, max_size=4),
    max_leaves=12,
)


def through(value, **how):
    """A value after a trip through a socket."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        encoder = wire.Encoder()
        wire.send(ours, {"v": encoder.value(value)}, bytes(encoder.blob))
        message, blob = wire.receive(theirs, lambda: 5)
    return wire.Decoder(blob, **how).value(message["v"])


@given(VALUES)
def test_values_arrive(value):
    got = through(value)
    assert got == value and repr(got) == repr(value)  # 1 and True, 0.0 and -0.0 too


@given(st.sampled_from(wire.DTYPES), st.lists(st.integers(0, 3), max_size=3))
def test_tensors_arrive_bit_for_bit(name, shape):
    dtype = getattr(torch, name)
    value = torch.randint(0, 2, shape).to(dtype)
    got, again = through((value, value.T if value.ndim == 2 else value))
    assert got.dtype == dtype and torch.equal(got, value)
    assert again.shape == (value.T if value.ndim == 2 else value).shape


def test_special_numbers_arrive():
    got = through(torch.tensor([float("nan"), float("inf"), -0.0]))
    assert got[0].isnan() and got[1] == float("inf") and got[2].signbit()
    assert through(float("-inf")) == float("-inf")
    assert through({1, 2}) == {1, 2}
    assert through(torch.float16) is torch.float16


@pytest.mark.parametrize("value", [object(), lambda: 1, 1 << 70, torch.nn.Linear(1, 1)])
def test_what_is_no_data_is_not_sent(value):
    with pytest.raises(wire.WireError, match="cannot be passed"):
        wire.Encoder().value(value)
    sparse = torch.eye(2).to_sparse()
    with pytest.raises(wire.WireError, match="cannot be passed"):
        wire.Encoder().value(sparse)


FORGED = [
    {"x": 1}, {"T": []}, {"T": ["float32", [2], 0, True, 0]}, {"G": [0, 0]}, 1.5, [1],
    {"T": ["float32", [1 << 62, 4], 0, True, 0]}, {"T": ["float32", [-1], 0, 0, 0]},
    {"T": ["os", [1], 0, 0, 0]}, {"T": ["float32", [True], 0, 0, 0]}, {"D": "load"},
    {"d": [1]}, {"d": [[{"l": []}, 1]]}, {"s": [{"l": []}]}, {"l": 5}, {"R": [1, "x"]},
    {"N": "exec"}, {"f": "1", "l": []}, {"T": ["float32", [1], -4, 0, 0]}, {"t": None},
]  # fmt: skip


@pytest.mark.parametrize("forged", FORGED, ids=str)
def test_forged_values_are_refused(forged):
    with pytest.raises(wire.WireError):
        wire.Decoder(b"1234").value(forged)


@given(st.recursive(PLAIN, lambda x: st.lists(x) | st.dictionaries(
    st.sampled_from("fltdsTGDRN"), x, max_size=2), max_leaves=9))  # fmt: skip
def test_decoding_gives_a_value_or_a_wire_error(forged):
    try:
        wire.Decoder(b"\x00" * 64).value(json.loads(json.dumps(forged)))
    except wire.WireError:
        pass


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (wire.HEAD.pack(5 << 20, 0), "too large"),
        (wire.HEAD.pack(2, 2**31), "too large"),
        (wire.HEAD.pack(2, 0) + b"[]", "no JSON object"),
        (wire.HEAD.pack(3, 0) + b"{{{", "no JSON object"),
        (wire.HEAD.pack(9, 0) + b"{}", "closed"),
        (b"abc", "closed"),
    ],
)
def test_forged_frames_are_refused(raw, error):
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            ours.sendall(raw)
        with pytest.raises(wire.WireError, match=error):
            wire.receive(theirs, lambda: 1)


def test_silence_is_late():
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(wire.Late):
        waits = iter([0.01, -1.0])
        wire.receive(theirs, lambda: next(waits))


EXECUTED = """
import torch
from math import log as ln
IGNORE = -100
RATE: float = 0.15
TABLE = {"a": [1, 2], "b": (3,)}
softmax = torch.nn.functional.softmax
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
BITS = ln(2) * len("ab")
square = lambda x: x * x
def f(x): return x
class C: pass
try:
    import numpy
except ImportError:
    numpy = None
"""
LEFT_OUT = """
fit(model)
x = f(1)
x = model.train()
for i in range(9): pass
while True: pass
if __name__ == "__main__": f(1)
assert f(1) == 1
with open("x") as file: pass
x += 1
x[0] = 1
x = [f(i) for i in range(3)]
x = (y := f(1))
del x
print(1)
"""


def test_what_is_executed():
    body = parse(EXECUTED)
    assert selected(body, Library()) == body
    assert selected(parse(LEFT_OUT), Library()) == []


def test_magics_are_left_out():
    source = "%pip install x\nif True:\n    !ls -l\nfiles = !ls\nx?\ny = 5 % 3"
    assert parse(source) and "y = 5 % 3" in without_magics(source)
    assert without_magics("%%bash\nrm -r x") == ""
    text = 'def f():\n    """\n    % a docstring\n    """\n    return 1\n'
    assert "% a docstring" in str(parse(text)[0].body[0].value.value)  # left alone


@pytest.mark.parametrize(
    ("body", "stub"),
    [
        ("raise NotImplementedError", True),
        ("raise NotImplementedError('f')", True),
        ("'text'\n    pass", True),
        ("...", True),
        ("'text'", True),
        ("return 1", False),
        ("raise ValueError", False),
        ("x = 1\n    raise NotImplementedError", False),
    ],
)
def test_stubs_are_recognized(body, stub):
    assert is_stub(parse(f"def f(x):\n    {body}\n")[0]) is stub
