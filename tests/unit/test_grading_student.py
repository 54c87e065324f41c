"""Calling a student's functions in a sandbox: as in a notebook, and nothing but data.

One sandbox serves all tests of this file; each test has a session, as in grading.
"""

import time

import pytest
import torch

from grading import sandbox
from grading.judge import namespace
from grading.sandbox import Limits, Lost, Sandbox
from grading.student import Function, Session, Stopped, StudentError, gradients_of

CODE = '''
import random
import numpy
import torch
from torch import nn


def double(x):
    return 2 * x


def both(x, y=1, *, flags=()):
    return {"sum": x + y, "flags": list(flags), 3: (None, True, 2.5)}


def overwrite(x):
    x[0] = 7


def draw(generator):
    return torch.rand(3, generator=generator)


def luck():
    return random.random(), torch.rand(()).item(), float(numpy.random.rand())


def ask(model, x):
    return model(x) + 1


def half(x):
    return x.numpy() / 2


def fail(x):
    raise IndexError("too far <b>")


def adder(n):
    return lambda x: x + n


def slow():
    while True:
        pass


class Layer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, 1, bias=False)

    def forward(self, x):
        return self.linear(x).squeeze(-1)
'''
GIVEN = "import torch\n\n\ndef square(x):\n    return x * x\n"
NAMES = "double both overwrite draw luck ask half fail adder slow Layer".split()


@pytest.fixture(scope="module")
def place():
    made = Sandbox(Limits(call=3, total=600), preload=["torch"])
    yield made
    made.close()


@pytest.fixture
def session(place):
    made = Session(place, time.monotonic() + 600, seed=3, objects=["Layer", "adder"])
    about = made.load([CODE], [GIVEN], NAMES)
    assert about["found"] == NAMES and about["notes"] == []
    yield made
    made.close()


def call(session, name):
    return Function(session, name)


def test_values_come_back_as_they_are(session):
    x = torch.randn(2, 3)
    got = call(session, "both")(x, flags=("a", "ä"))
    assert torch.equal(got["sum"], x + 1)
    assert got["flags"] == ["a", "ä"]
    assert got[3] == (None, True, 2.5)
    for dtype in (torch.bfloat16, torch.int64, torch.float64, torch.complex64):
        y = torch.tensor([[1, 2]]).to(dtype)
        got = call(session, "double")(y)
        assert got.dtype == dtype and torch.equal(got, 2 * y)
    assert call(session, "double")(torch.zeros(0, 4)).shape == (0, 4)
    assert torch.equal(call(session, "half")(torch.ones(2)), torch.full((2,), 0.5))


def test_arguments_change_as_in_a_notebook(session):
    x = torch.zeros(3)
    call(session, "overwrite")(x)
    assert x.tolist() == [7, 0, 0]
    generator, other = torch.Generator().manual_seed(5), torch.Generator()
    other.manual_seed(5)
    first, second = (call(session, "draw")(generator) for _ in range(2))
    assert torch.equal(first, torch.rand(3, generator=other))
    assert torch.equal(second, torch.rand(3, generator=other))


def test_randomness_of_the_student_is_seeded(session):
    assert call(session, "luck")() == call(session, "luck")()


def test_gradients_cross(session):
    x = torch.randn(4, requires_grad=True)
    (call(session, "double")(x) ** 2).sum().backward()
    torch.testing.assert_close(x.grad, 8 * x.detach())
    with torch.no_grad():
        assert not call(session, "double")(x.detach()).requires_grad


def test_a_module_stays_where_it_is(session):
    layer = call(session, "Layer")(3)
    weight = torch.tensor([[1.0, -2.0, 0.5]])
    layer.load_state_dict({"linear.weight": weight})
    x = torch.randn(5, 3, requires_grad=True)
    y = layer(x)
    torch.testing.assert_close(y.detach(), x.detach() @ weight[0])
    y.sum().backward()
    torch.testing.assert_close(x.grad, weight.expand(5, 3))
    torch.testing.assert_close(
        gradients_of(layer)["linear.weight"], x.detach().sum(0, keepdim=True)
    )
    assert torch.equal(layer.state_dict()["linear.weight"], weight)
    assert call(session, "adder")(2)(torch.ones(1)).item() == 3


def test_given_functions_are_passed_by_name(session):
    square = namespace([GIVEN], "given")["square"]
    assert call(session, "ask")(square, torch.tensor([3.0])).item() == 10
    with pytest.raises(Exception, match="cannot be passed"):
        call(session, "ask")(lambda x: x, torch.ones(1))


def test_errors_are_told_with_their_place(session):
    with pytest.raises(StudentError, match=r"IndexError: too far <b> \(code cell 1"):
        call(session, "fail")(1)
    try:
        call(session, "fail")(1)
    except StudentError as error:
        assert "LookupError" in error.kinds


def test_a_late_call_ends_the_test_and_no_other(place, session):
    with pytest.raises(Stopped, match="time limit"):
        call(session, "slow")()
    with pytest.raises(Stopped):
        call(session, "double")(torch.ones(1))


def test_a_sandbox_that_is_gone_is_told():
    made = Sandbox(Limits())
    made.process.kill()
    made.process.wait()
    with pytest.raises(Lost):
        Session(made, time.monotonic() + 9)
        made.end()
    made.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["unshare", "none"])
def test_the_next_best_thing(kind, monkeypatch):
    """Without bubblewrap: a loud warning, and limits that still hold."""
    monkeypatch.setenv("GRADING_CONFINEMENT", kind)
    sandbox.confinement.cache_clear()
    try:
        assert "WARNING: bubblewrap does not work" in sandbox.warning()
        made = Sandbox(Limits(call=2), preload=["torch", "numpy.random"])
        for _ in range(2):
            session = Session(made, time.monotonic() + 60)
            session.load([CODE], [GIVEN], NAMES)
            assert call(session, "double")(torch.ones(1)).item() == 2
            with pytest.raises(Stopped, match="time limit"):
                call(session, "slow")()
            session.close()
        made.close()
    finally:
        monkeypatch.undo()
        sandbox.confinement.cache_clear()
