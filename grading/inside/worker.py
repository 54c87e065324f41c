"""The process inside the sandbox: loads a submission and answers calls.

    judge ═ control ═ keeper ─ fork ─► runner ═ channel ═ judge

The *keeper* imports torch once, gives up its rights, and never runs a line of the
student's. For each test it forks a *runner*, which executes the submission's
definitions and answers the judge's calls; when the test is over the keeper kills the
runner and whatever it has started. So a test that hangs, crashes or patches torch
spoils no other test, and torch is imported once for all.

Nothing in this process decides anything. A runner that lies returns wrong data.
"""

import array
import ast
import contextlib
import gc
import importlib.abc
import importlib.machinery
import json
import os
import random
import signal
import socket
import sys
import traceback
import types

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import confine  # noqa: E402
import selection  # noqa: E402
import wire  # noqa: E402


def main() -> None:
    settings = json.loads(sys.argv[1])
    control = socket.socket(fileno=os.dup(0))
    sys.path += settings["path"]
    sys.meta_path.insert(0, Display())
    gc.disable()  # of what is imported nothing is garbage; to look for it takes 0.2 s
    import torch

    torch.set_num_threads(1)
    with contextlib.suppress(RuntimeError):
        torch.set_num_interop_threads(1)
    # What a backward pass imports when it is first asked for: half a second a runner.
    for name in ("torch.fx.experimental.symbolic_shapes", *settings["preload"]):
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    gc.freeze()  # so that runners share this memory and do not copy it
    gc.enable()
    if settings["user"]:  # none but the lab's libraries has run until here
        confine.drop(settings["user"])
    if not settings["alone"]:
        confine.prctl(confine.SUBREAPER, 1)
    confine.limit(**settings["limits"])
    filtered = confine.filter_calls()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # what a submission prints goes nowhere
        os.dup2(nowhere, standard)
    wire.send(control, {"ready": True, "filtered": filtered})
    while True:
        order, channel = _order(control)
        if order != b"run":
            return
        runner = os.fork()
        if not runner:
            control.close()
            with contextlib.suppress(wire.WireError):
                Runner(channel).serve()
            os._exit(0)
        channel.close()
        order, _ = _order(control)  # the test is over
        status = _end(runner, settings["alone"])
        if order != b"end":
            return
        wire.send(control, {"ended": status})


class Display(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stands in for what only shows things: such modules do nothing in the sandbox."""

    NAMES = {"matplotlib", "IPython", "ipywidgets", "anywidget", "google"}

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.NAMES:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return Nothing(spec.name)

    def exec_module(self, module):
        pass


class Nothing(types.ModuleType):
    """Whatever is asked of it is nothing again."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing(name)

    def __call__(self, *args, **kwargs):
        return self

    def __mro_entries__(self, bases):
        return ()  # a class made from nothing, such as a widget, has no base


def _order(control):
    """Receive an order of three letters, and a connection if one comes with it."""
    space = socket.CMSG_SPACE(4)
    order, extra, _, _ = control.recvmsg(3, space)
    for level, kind, data in extra:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            (number,) = array.array("i", data[:4])
            return order, socket.socket(fileno=number)
    return order, None


def _end(runner: int, alone: bool) -> int:
    """Kill a runner and all that it started; return how it ended (0 if it lived)."""
    done, status = os.waitpid(runner, os.WNOHANG)
    if alone:  # nothing but the sandbox is in reach of this signal
        with contextlib.suppress(OSError):
            os.kill(-1, signal.SIGKILL)
    else:
        for _ in range(50):
            left = _children()
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                while os.waitpid(-1, os.WNOHANG)[0] and left:
                    pass
            if not _children():
                break
    if not done:
        status = 0
    with contextlib.suppress(OSError):
        os.waitpid(runner, 0)
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass  # what was left to this process when its parent died
    return status


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except (OSError, ValueError):
        return []


class Runner:
    """Executes a submission's definitions and answers calls to them."""

    def __init__(self, channel):
        self.channel = channel
        self.names, self.given = {"__name__": "submission"}, {"__name__": "given"}
        self.objects, self.calls = [], {}

    def serve(self) -> None:
        while True:
            message, blob = wire.receive(self.channel, lambda: None)
            number, keep = message.get("id"), wire.Encoder(self.keep)
            try:
                answer = getattr(self, "do_" + message["do"])(message, blob, keep)
                answer["id"] = number
                wire.send(self.channel, answer, bytes(keep.blob))
            except wire.Closed:
                raise
            except BaseException as error:
                told = {"id": number, "error": describe(error), "kinds": kinds(error)}
                wire.send(self.channel, told)

    def do_load(self, message, blob, keep) -> dict:
        notes = []
        for names in (self.given, self.names):  # a deleted import costs nothing
            run_cells(message["given"], names, [], None, [])
        skip = [tuple(place) for place in message["skip"]]

        def tell(*place):
            wire.send(self.channel, {"place": place})

        run_cells(message["cells"], self.names, notes, tell, message["wanted"], skip)
        found = [name for name in message["wanted"] if name in self.names]
        others = [n for n, v in list(self.names.items()) if callable(v)]
        return {"notes": notes[:20], "found": found, "others": others[:200]}

    def do_call(self, message, blob, keep) -> dict:
        import torch

        decoder = wire.Decoder(blob, self.object, self.named)
        target = self.target(message)
        positional = decoder.value(message["args"])
        named = decoder.value(message["kwargs"])
        before = {n: t.detach().clone() for n, t in decoder.tensors.items()}
        seed(message["seed"])
        result = target(*positional, **named)
        answer = {"ok": keep.value(result)}
        made = [t for t in keep.tensors if t.requires_grad]
        if made:
            self.calls[message["id"]] = (made, decoder.tensors)
        changed = {n: t.detach() for n, t in decoder.tensors.items()
                   if not same(t.detach(), before[n])}
        answer["changed"] = [[n, keep.value(t)] for n, t in changed.items()]
        answer["generators"] = [
            [n, keep.value(g)] for n, g in decoder.generators.items()
        ]
        del torch
        return answer

    def do_gradient(self, message, blob, keep) -> dict:
        """Gradients of a call's arguments, for gradients of its results."""
        import torch

        made, arguments = self.calls[message["call"]]
        incoming = wire.Decoder(blob).value(message["gradients"])
        for tensor in arguments.values():
            tensor.grad = None
        pairs = [(t, g) for t, g in zip(made, incoming, strict=True) if g is not None]
        torch.autograd.backward(*zip(*pairs, strict=True), retain_graph=True)
        grads = {n: t.grad for n, t in arguments.items() if t.grad is not None}
        return {"ok": keep.value(grads)}

    def do_get(self, message, blob, keep) -> dict:
        return {"ok": keep.value(getattr(self.object(message["object"]),
                                         message["name"]))}

    def do_parameter_gradients(self, message, blob, keep) -> dict:
        module = self.object(message["object"])
        return {"ok": keep.value({n: p.grad for n, p in module.named_parameters()})}

    def target(self, message):
        if "object" in message:
            return self.object(message["object"])
        if message["name"] not in self.names:
            raise NameError(f"the submission has no {message['name']!r}")
        return self.names[message["name"]]

    def object(self, number):
        return self.objects[number]

    def named(self, name):
        return self.given[name]

    def keep(self, value) -> dict:
        self.objects.append(value)
        return {"R": [len(self.objects) - 1, type(value).__name__[:80]]}


def run_cells(cells, names, notes, tell, wanted, skip=()) -> None:
    """Execute what is selected of some cells, one statement after another."""
    library, flags, parsed = selection.Library(), 0, []
    for number, source in enumerate(cells):
        statements = []
        try:
            if tell:
                tell(number, -1)
            if (number, -1) not in skip:
                statements = selection.parse(source)
        except Exception as error:
            notes.append(f"code cell {number + 1} cannot be read: {describe(error)}")
        parsed.append(selection.selected(statements, library))
    dropped = unwritten_copies(parsed, wanted, notes)
    for number, statements in enumerate(parsed):
        for index, node in enumerate(statements):
            if id(node) in dropped:
                continue
            if (number, index) in skip:
                place = f"line {node.lineno} of code cell {number + 1}"
                notes.append(f"{place} was left out")
                continue
            if tell:
                tell(number, index)
            if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                flags |= 0x1000000  # annotations
            code = ast.Module([node], [])
            try:
                place = f"code cell {number + 1}"
                exec(compile(code, place, "exec", flags, dont_inherit=True), names)
            except BaseException as error:
                if not (isinstance(error, NameError) and isinstance(node, ast.Assign)):
                    notes.append(f"code cell {number + 1}: {describe(error)}")
                # else it is made from something that only an experiment makes


def unwritten_copies(parsed, wanted, notes) -> set[int]:
    """Find functions defined more than once, and stubs that hide a written one."""
    dropped = set()
    for name in wanted:
        found = [node for cell in parsed for node in cell
                 if getattr(node, "name", None) == name]
        written = [node for node in found if not selection.is_stub(node)]
        if len(found) > 1:
            notes.append(f"{name} is defined {len(found)} times; the last that is "
                         "written was taken")
        if written and found[-1] is not written[-1]:
            dropped |= {id(node) for node in found[found.index(written[-1]) + 1 :]}
    return dropped


def same(a, b) -> bool:
    """Equal tensors, NaN counted as equal to itself."""
    import torch

    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return bool(torch.equal(a, b) or torch.equal(a.nan_to_num(), b.nan_to_num()))


def seed(number: int) -> None:
    """Make the student's draws repeat."""
    import torch

    random.seed(number)
    torch.default_generator.manual_seed(number)  # no GPU in here: torch's own is slow
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(number % 2**32)


def describe(error: BaseException) -> str:
    """One line: kind, text, and where in the submission it happened."""
    with contextlib.suppress(BaseException):
        text = str(error).strip().split("\n")[0][:300]
        frames = traceback.extract_tb(error.__traceback__)
        inside = [f for f in frames if f.filename.startswith("code cell ")]
        place = f" ({inside[-1].filename}, line {inside[-1].lineno})" if inside else ""
        return f"{type(error).__name__[:60]}{': ' if text else ''}{text}{place}"
    return "an error that cannot be shown"


def kinds(error: BaseException) -> list[str]:
    return [kind.__name__[:60] for kind in type(error).__mro__[:10]]


if __name__ == "__main__":
    main()
