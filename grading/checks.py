"""What hidden tests may use besides Python: comparisons that no strange value passes.

Each raises AssertionError with a message that tells the student what was expected.
"""

import math

import torch
from torch import Tensor

from grading.student import StudentError, gradients_of


def close(got, want, message: str = "", tolerance: float = 1e-5) -> None:
    """Assert that `got` is `want`: same kind, same shape, equal up to `tolerance`.

    The tolerance is relative where values are above 1 and absolute below. NaN is close
    to nothing, not even to NaN.
    """
    said = f"{message}: " if message else ""
    if isinstance(want, Tensor):
        assert isinstance(got, Tensor), f"{said}expected a tensor, got {kind(got)}"
        shapes = f"{tuple(want.shape)}, got {tuple(got.shape)}"
        assert got.shape == want.shape, f"{said}expected the shape {shapes}"
        if not want.numel():
            return
        if want.is_floating_point():
            wide, right = got.detach().double(), want.detach().double()
            far = (wide - right).abs() - tolerance * right.abs().clamp(min=1)
            bad = ~(far <= 0) & (wide != right)
        else:
            bad = got != want
        if bad.any():
            where = tuple(bad.nonzero()[0].tolist())
            values = f"expected {want[where].item():.6g}, got {got[where].item():.6g}"
            raise AssertionError(f"{said}{values} at {where or 'the only value'}")
        return
    value = number(got, said)
    good = abs(value - want) <= tolerance * max(1.0, abs(want)) or value == want
    assert good, f"{said}expected {want:.6g}, got {value:.6g}"


def number(value, said: str = "") -> float:
    """A number as float; a tensor of one value counts. Raises AssertionError."""
    if isinstance(value, Tensor):
        assert value.ndim == 0, (
            f"{said}expected one number (a tensor without dimensions), got the shape "
            f"{tuple(value.shape)}"
        )
        value = value.item()
    good = isinstance(value, int | float) and not isinstance(value, bool)
    assert good, f"{said}expected a number, got {kind(value)}"
    assert not math.isnan(value), f"{said}expected a number, got NaN"
    return float(value)


def raises(call, error: str, message: str) -> None:
    """Assert that `call()` raises an error of the class called `error`."""
    try:
        call()
    except StudentError as raised:
        assert error in raised.kinds, f"{message}: got {raised}"
        return
    raise AssertionError(message)


def kind(value) -> str:
    """How a message calls a value."""
    name = type(value).__name__
    return "None (is a return missing?)" if value is None else f"a {name}"


def generator(seed: int) -> torch.Generator:
    """A generator for one test."""
    return torch.Generator().manual_seed(seed)


HELPERS = {
    "close": close,
    "number": number,
    "raises": raises,
    "generator": generator,
    "gradients_of": gradients_of,
}
