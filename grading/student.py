"""The student's functions as the judge sees them: call one, and a message is sent.

    loss = cross_entropy(logits, targets)      runs in the sandbox; `loss` is data
    loss.backward()                            asks the sandbox for the gradient of its
                                               own graph; `logits.grad` is data too
    layer = Attention(64, 4)                   stays in the sandbox; `layer(x)` is data

Arguments behave as they do in a notebook: a tensor that the function changes is changed
here as well, and a generator has moved on. So a check written for the notebook runs
here as it stands.
"""

import time

import torch

from grading.inside import wire
from grading.sandbox import PATIENCE, Lost, Sandbox

ANSWER = 1.0  # seconds more than a call may take, for the answer to travel


class StudentError(Exception):
    """The student's function raised an error, or returned what is no data.

    kinds: names of the error's class and of its bases.
    """

    def __init__(self, text: str, kinds=()):
        super().__init__(text)
        self.kinds = tuple(kinds)


class Stopped(Exception):
    """The runner ended or had to be ended: the test is over."""


class Session:
    """One runner with the submission's definitions loaded, for one test."""

    def __init__(self, sandbox: Sandbox, deadline: float, seed=0, objects=()):
        self.sandbox, self.deadline, self.seed = sandbox, deadline, seed
        self.objects = set(objects)  # names whose results may stay in the sandbox
        self.count, self.place, self.data_only = 0, None, True
        self.over = ""
        self.used = sandbox.seconds_used()
        self.channel = sandbox.open()

    def load(self, cells, given, wanted, skip=()) -> dict:
        """Execute the definitions; returns the names found and notes. Raises Stopped
        (`self.place` is then the cell and statement it happened in)."""
        order = {"cells": cells, "given": given, "wanted": wanted, "skip": list(skip)}
        self._send({"do": "load", "id": 0} | order, b"")
        for _ in range(100_000):
            message, _ = self._receive()
            if "place" in message:
                self.place = message["place"]
            elif message.get("id") == 0 and "found" in message:
                break
            elif message.get("id") == 0 and "error" in message:
                raise Stopped(f"cannot be loaded: {str(message['error'])[:300]}")
            else:
                raise Stopped("a forged or broken message came out of the submission")
        notes = [str(note)[:400] for note in _list(message.get("notes"))]
        names = _list(message.get("found"))
        found = [name for name in wanted if name in names]
        others = [str(name)[:80] for name in _list(message.get("others"))]
        return {"notes": notes, "found": found, "others": others}

    def ask(self, order: dict, keep: wire.Encoder) -> tuple[dict, bytes]:
        """Send an order and return the answer. Raises StudentError, Stopped."""
        if self.over:
            raise Stopped(self.over)
        self.count += 1
        self._send(order | {"id": self.count}, bytes(keep.blob))
        message, blob = self._receive()
        if message.get("id") != self.count or not {"ok", "error"} & message.keys():
            raise self._stop("a forged or broken message came out of the submission")
        if "error" in message:
            kinds = [str(kind) for kind in _list(message.get("kinds"))]
            raise StudentError(str(message["error"])[:400], kinds)
        return message, blob

    def call(self, order: dict, args, kwargs):
        """Call a function of the submission with values of the judge's."""
        keep = wire.Encoder(_by_name)
        order |= {"do": "call", "args": keep.value(tuple(args))}
        order |= {"kwargs": keep.value(dict(kwargs)), "seed": self.seed}
        self.data_only = order.get("name") not in self.objects
        message, blob = self.ask(order, keep)
        number = self.count
        decoder = wire.Decoder(blob, self._remote)
        try:
            result = decoder.value(message["ok"])
            self._change(keep, message, blob)
        except StudentError:
            raise
        except Exception as error:  # a forged message may provoke anything
            raise self._stop(f"the result cannot be read: {error}") from None
        made = {n: t for n, t in decoder.tensors.items() if t.requires_grad}
        if not made:
            return result
        inputs = {n: t for n, t in enumerate(keep.tensors) if t.requires_grad}
        start = torch.zeros((), requires_grad=True)  # a graph even without inputs
        outputs = Elsewhere.apply(
            self, number, list(inputs), list(made.values()), start, *inputs.values()
        )
        replaced = wire.Decoder(blob, self._remote)
        replaced.replace = dict(zip(made, outputs, strict=True))
        return replaced.value(message["ok"])

    def _change(self, keep, message, blob) -> None:
        """Do to the judge's arguments what the function did to its copies."""
        decoder = wire.Decoder(blob)
        for number, value in _pairs(message.get("changed")):
            new, old = decoder.value(value), keep.tensors[number]
            if isinstance(new, torch.Tensor):
                with torch.no_grad():
                    if new.shape == old.shape and new.dtype == old.dtype:
                        old.copy_(new)
                    else:
                        old.data = new
        for number, value in _pairs(message.get("generators")):
            made = decoder.value(value)
            if isinstance(made, torch.Generator):
                keep.generators[number].set_state(made.get_state())

    def gradient(self, number: int, gradients) -> dict:
        keep = wire.Encoder()
        incoming = keep.value(list(gradients))
        order = {"do": "gradient", "call": number, "gradients": incoming}
        found = self._data(*self.ask(order, keep))
        return found if isinstance(found, dict) else {}

    def get(self, number: int, name: str):
        self.data_only = False
        order = {"do": "get", "object": number, "name": name}
        return self._data(*self.ask(order, wire.Encoder()))

    def parameter_gradients(self, number: int) -> dict:
        order = {"do": "parameter_gradients", "object": number}
        return self._data(*self.ask(order, wire.Encoder()))

    def _data(self, message, blob):
        try:
            return wire.Decoder(blob, self._remote).value(message.get("ok"))
        except StudentError:
            raise
        except wire.WireError as error:
            raise self._stop(f"the result cannot be read: {error}") from None

    def _remote(self, about):
        number, kind = about
        if type(number) is not int or type(kind) is not str:
            raise wire.WireError("a malformed object")
        if self.data_only:
            raise StudentError(f"returned a {kind[:80]}: a tensor or a number, or a "
                               "tuple or list of them, is expected")
        return Remote(self, number, kind[:80])

    def _send(self, message, blob) -> None:
        try:
            wire.send(self.channel, message, blob, timeout=self._seconds())
        except wire.Late:
            raise self._stop("time limit: it did not listen") from None
        except wire.Closed:
            raise self._died() from None

    def _receive(self):
        try:
            return wire.receive(self.channel, self._patience())
        except wire.Late:
            limit = f"{self.sandbox.limits.call:g} s"
            if time.monotonic() >= self.deadline:
                limit = f"{self.sandbox.limits.total:g} s for all tests"
            raise self._stop(f"time limit: stopped after {limit}") from None
        except wire.Closed:
            raise self._died() from None
        except wire.WireError as error:
            raise self._stop(f"forged or broken: {error}") from None

    def _patience(self):
        """A function that returns the seconds left: more if the CPU was elsewhere."""
        start, limit, rounds = time.monotonic(), self.sandbox.limits.call, 1

        def left():
            nonlocal rounds
            now = time.monotonic()
            seconds = start + rounds * limit + ANSWER - now
            if seconds <= 0 and rounds < PATIENCE:
                if self.sandbox.seconds_used() - self.used < rounds * limit / 2:
                    rounds += 1
                    seconds += limit
            return min(seconds, self.deadline - now)

        return left

    def _seconds(self) -> float:
        left = self.deadline - time.monotonic()
        return max(0.01, min(self.sandbox.limits.call + ANSWER, left))

    def _died(self):
        why = "the submission ended its process (os._exit, a crash or its memory limit)"
        if self.sandbox.too_much:
            why = "memory limit: the submission was stopped"
        return self._stop(why)

    def _stop(self, why: str) -> Stopped:
        self.over = why
        return Stopped(why)

    def close(self) -> None:
        """End the runner. Raises Lost if the sandbox must be made anew."""
        self.channel.close()
        self.over = self.over or "the test is over"
        self.sandbox.end()


class Elsewhere(torch.autograd.Function):
    """A piece of the graph that is in the sandbox: backward asks for it there."""

    @staticmethod
    def forward(ctx, session, number, names, outputs, start, *inputs):
        ctx.session, ctx.number, ctx.names = session, number, names
        ctx.shapes = [tensor.shape for tensor in inputs]
        return tuple(tensor.detach() for tensor in outputs)

    @staticmethod
    def backward(ctx, *gradients):
        found = ctx.session.gradient(ctx.number, gradients)
        given = []
        for name, shape in zip(ctx.names, ctx.shapes, strict=True):
            tensor = found.get(name)
            if tensor is not None and getattr(tensor, "shape", None) != shape:
                raise StudentError("a gradient of another shape than its input")
            given.append(tensor)
        return None, None, None, None, None, *given


class Function:
    """A function or class of the submission, by name."""

    def __init__(self, session: Session, name: str):
        self._session, self.__name__ = session, name

    def __call__(self, *args, **kwargs):
        return self._session.call({"name": self.__name__}, args, kwargs)


class Remote:
    """An object that stayed in the sandbox: a module, a closure, a bound method."""

    def __init__(self, session: Session, number: int, kind: str):
        self._session, self._number, self._kind = session, number, kind

    def __call__(self, *args, **kwargs):
        return self._session.call({"object": self._number}, args, kwargs)

    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        return self._session.get(self._number, name)

    def __repr__(self):
        return f"<{self._kind} in the sandbox>"


def gradients_of(module: Remote) -> dict:
    """Gradients of a remote module's parameters, by name."""
    return module._session.parameter_gradients(module._number)


def _by_name(value):
    """How the judge passes what is no data: objects of the sandbox, given functions."""
    if isinstance(value, Remote):
        return {"R": value._number}
    if isinstance(value, Function):
        raise wire.WireError(f"{value.__name__} cannot be passed: wrap it in a helper")
    if getattr(value, "__module__", "") == "given" and callable(value):
        return {"N": value.__name__}
    raise wire.WireError(f"a {type(value).__name__} cannot be passed to a submission")


def _list(value) -> list:
    return value if isinstance(value, list) else []


def _pairs(value):
    for pair in _list(value):
        if isinstance(pair, list) and len(pair) == 2 and type(pair[0]) is int:
            yield pair


__all__ = ["Function", "Lost", "Remote", "Session", "Stopped", "StudentError"]
