"""What crosses between judge and student: JSON and raw tensor bytes, nothing else.

    frame    8 bytes: length of the JSON, length of the blob │ JSON │ blob
    value    None, bool, int, str as in JSON; everything else is tagged
             {"f": "0.5"} float    {"l": [...]} list      {"t": [...]} tuple
             {"d": [[k, v], ...]} dict      {"s": [...]} set
             {"T": [dtype, shape, start, needs_gradient, name]} tensor in the blob
             {"G": [start, name]} random generator, by its state
             {"R": number} an object that stays where it is     {"N": name} a given name

Decoding never runs code of the sender, and each length is checked before it is used.
The file imports nothing of the project: the sandbox holds this file and the worker.
"""

import json
import math
import socket
import struct
from contextlib import suppress

HEAD = struct.Struct("<II")
JSON_LIMIT = 4 << 20
BLOB_LIMIT = 64 << 20
DTYPES = (
    "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool"
    " complex64 complex128"
).split()


# What decoding a forged message may raise.
PROVOKED = RecursionError, MemoryError, TypeError, ValueError, RuntimeError, IndexError


class WireError(Exception):
    """What arrived is not a message, or what should be sent is not data."""


class Closed(WireError):
    """The other side has closed the connection."""


class Late(WireError):
    """The other side did not answer in time."""


class Encoder:
    """Turns values into JSON and a blob. `keep` is asked about what is not data."""

    def __init__(self, keep=None):
        self.blob = bytearray()
        self.tensors, self.generators = [], []
        self.keep = keep

    def value(self, x, depth: int = 0):
        """Return the JSON form of `x`. Raises WireError for what is no data."""
        if depth > 50:
            raise WireError("a value nested more than 50 deep cannot be passed")
        kind = type(x)
        if x is None or kind in (bool, str):
            return x
        if kind is int:
            if abs(x) >= 1 << 63:
                raise WireError("an integer beyond 64 bits cannot be passed")
            return x
        if kind is float:
            return {"f": repr(x)}
        for tag, container in (("l", list), ("t", tuple), ("s", set)):
            if kind is container:
                return {tag: [self.value(v, depth + 1) for v in x]}
        if kind is dict:
            pairs = [(self.value(k, depth + 1), self.value(v, depth + 1)) for k, v
                     in x.items()]
            return {"d": pairs}
        return self._other(x, depth)

    def _other(self, x, depth):
        import torch

        if isinstance(x, torch.Tensor):
            return self._tensor(x)
        if isinstance(x, torch.Generator):
            self.generators.append(x)
            return {"G": [self._bytes(x.get_state()), len(self.generators) - 1]}
        if isinstance(x, torch.dtype):
            return {"D": str(x).removeprefix("torch.")}
        if isinstance(x, torch.Size):
            return {"t": [self.value(int(v), depth + 1) for v in x]}
        if isinstance(x, tuple | list):  # named tuples among them
            tag = "t" if isinstance(x, tuple) else "l"
            return {tag: [self.value(v, depth + 1) for v in x]}
        if isinstance(x, dict):
            return self.value(dict(x), depth)
        if type(x).__module__ == "numpy":
            import numpy

            if isinstance(x, numpy.generic):
                return self.value(x.item(), depth)
            if isinstance(x, numpy.ndarray):
                return self._tensor(torch.from_numpy(numpy.ascontiguousarray(x)))
        if self.keep is not None:
            return self.keep(x)
        name = f"{type(x).__module__}.{type(x).__qualname__}"
        raise WireError(f"a {name} cannot be passed")

    def _tensor(self, x):
        dtype = str(x.dtype).removeprefix("torch.")
        if dtype not in DTYPES or x.layout.__str__() != "torch.strided":
            raise WireError(f"a tensor of {x.dtype}, {x.layout} cannot be passed")
        self.tensors.append(x)
        start = self._bytes(x.detach().cpu().resolve_conj().resolve_neg())
        shape = list(map(int, x.shape))
        return {"T": [dtype, shape, start, bool(x.requires_grad),
                      len(self.tensors) - 1]}

    def _bytes(self, x) -> int:
        import torch

        if len(self.blob) + x.numel() * x.element_size() > BLOB_LIMIT:
            raise WireError(f"more than {BLOB_LIMIT >> 20} MB cannot be passed")
        start = len(self.blob)
        if x.numel():
            flat = x.contiguous().reshape(-1).view(torch.uint8)
            self.blob += flat.numpy().tobytes()
        return start


class Decoder:
    """Turns JSON and a blob back into values. Raises WireError for what is neither."""

    def __init__(self, blob: bytes, objects=None, names=None):
        self.blob = blob
        self.objects, self.names = objects, names
        self.tensors, self.generators = {}, {}
        self.replace = {}  # tensors to give instead of those in the blob

    def value(self, x):
        try:
            return self._value(x)
        except PROVOKED as error:
            raise WireError(f"a malformed value ({type(error).__name__})") from None

    def _value(self, x):
        if x is None or type(x) in (bool, int, str):
            return x
        if type(x) is not dict or len(x) != 1:
            raise WireError("a malformed value")
        ((tag, v),) = x.items()
        if tag == "f":
            return float(v) if isinstance(v, str) and len(v) < 40 else math.nan
        if tag == "l":
            return [self._value(i) for i in v]
        if tag == "t":
            return tuple(self._value(i) for i in v)
        if tag == "s":
            return {self._value(i) for i in v}
        if tag == "d":
            return {self._value(k): self._value(i) for k, i in v}
        if tag == "T":
            return self._tensor(*v)
        if tag == "G":
            return self._generator(*v)
        if tag == "D":
            return self._dtype(v)
        if tag == "R" and self.objects is not None:
            return self.objects(v)
        if tag == "N" and self.names is not None:
            return self.names(v)
        raise WireError("a malformed value")

    def _dtype(self, name):
        import torch

        if name not in DTYPES:
            raise WireError("an unknown dtype")
        return getattr(torch, name)

    def _tensor(self, dtype, shape, start, gradient, name):
        import torch

        if type(name) is int and name in self.replace:
            return self.replace[name]
        dtype, count = self._dtype(dtype), 1
        for size in shape:
            if type(size) is not int or not 0 <= size <= BLOB_LIMIT:
                raise WireError("a tensor of an impossible shape")
            count *= size
        bytes_ = count * torch.empty(0, dtype=dtype).element_size()
        if type(start) is not int or not 0 <= start <= len(self.blob) - bytes_:
            raise WireError("a tensor without its bytes")
        if dtype is torch.bool:  # any other byte than 0 and 1 is undefined behavior
            raw = bytearray(self.blob[start : start + bytes_])
            flat = (torch.frombuffer(raw, dtype=torch.uint8) != 0) if raw else None
        else:
            raw = bytearray(self.blob[start : start + bytes_])
            flat = torch.frombuffer(raw, dtype=dtype) if raw else None
        flat = torch.empty(0, dtype=dtype) if flat is None else flat
        made = flat.reshape(shape)
        if gradient is True and (dtype.is_floating_point or dtype.is_complex):
            made.requires_grad_()
        if type(name) is int:
            self.tensors[name] = made
        return made

    def _generator(self, start, name):
        import torch

        size = torch.Generator().get_state().numel()
        state = bytearray(self.blob[start : start + size])
        if len(state) != size:
            raise WireError("a generator without its state")
        made = torch.Generator()
        made.set_state(torch.frombuffer(state, dtype=torch.uint8))
        self.generators[name] = made
        return made


def send(channel: socket.socket, message: dict, blob: bytes = b"", timeout=None):
    """Send one frame. Raises Closed, Late."""
    text = json.dumps(message, allow_nan=False).encode()
    if len(text) > JSON_LIMIT or len(blob) > BLOB_LIMIT:
        raise WireError("a message too large to be passed")
    channel.settimeout(timeout)
    try:
        channel.sendall(HEAD.pack(len(text), len(blob)) + text)
        if blob:
            channel.sendall(blob)
    except TimeoutError:
        raise Late("the message was not read") from None
    except OSError:
        raise Closed("the connection is closed") from None


def receive(channel: socket.socket, wait) -> tuple[dict, bytes]:
    """Receive one frame; `wait()` returns the seconds left. Raises WireError."""
    size, extra = HEAD.unpack(_exactly(channel, HEAD.size, wait))
    if size > JSON_LIMIT or extra > BLOB_LIMIT:
        raise WireError("a message too large")
    text = _exactly(channel, size, wait)
    blob = _exactly(channel, extra, wait)
    message = None
    with suppress(ValueError, RecursionError):
        message = json.loads(text, parse_constant=lambda _: None)
    if type(message) is not dict:
        raise WireError("a message that is no JSON object")
    return message, blob


def _exactly(channel, size: int, wait) -> bytes:
    parts, left = [], size
    while left:
        seconds = wait()
        if seconds is not None and seconds <= 0:
            raise Late("no answer in time")
        channel.settimeout(seconds)
        try:
            part = channel.recv(min(left, 1 << 20))
        except TimeoutError:
            continue
        except OSError:
            raise Closed("the connection is closed") from None
        if not part:
            raise Closed("the connection is closed")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
