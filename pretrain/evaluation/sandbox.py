r"""A sandbox for programs that nobody has read: one process, shut in, then judged.

    text = execute(program, "entry", [(1, 2), (3, 4)], Limits(seconds=3))

Each run is a new ``python -I`` in an empty folder, with limits on time, memory, the
size of files and the number of processes, and without environment variables. Where
bubblewrap works, the program sees neither network nor files but Python's own, and a
filter of system calls refuses it new processes. Without bubblewrap a warning says so:
then the limits are all there is (root is not bound by that on processes), and only
programs that one would run anyway should be run.

What comes back is whatever the program left behind, and may be anything. The caller
compares it with results that the program never saw.

Cost: some 0.1 s a run.
"""

import json
import os
import platform
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True)
class Limits:
    """What one run may use."""

    seconds: float = 3.0
    memory: int = 512 << 20  # bytes of address space
    output: int = 1 << 20  # bytes of any one file, the results among them

    @property
    def of_the_system(self) -> dict[str, int]:
        """The names and values of ``resource.setrlimit``."""
        return {
            "RLIMIT_CPU": int(self.seconds) + 1,
            "RLIMIT_AS": self.memory,
            "RLIMIT_FSIZE": self.output,
            "RLIMIT_NPROC": 1,
            "RLIMIT_NOFILE": 32,
            "RLIMIT_CORE": 0,
        }


# What runs in the sandbox. Limits are set there, before the program, so that they hold
# for Python alone and not for what starts it; they cannot be raised again. The results
# leave by what was standard output; what the program prints goes nowhere.
_INSIDE = """
import json, os, sys
request = json.load(sys.stdin)
results = os.dup(1)
nowhere = os.open(os.devnull, os.O_RDWR)
for place in (0, 1, 2):
    os.dup2(nowhere, place)
try:
    import resource
    for name, value in request["limits"].items():
        try:
            resource.setrlimit(getattr(resource, name), (value, value))
        except (AttributeError, ValueError, OSError):
            pass
except ImportError:
    pass
space = {"__name__": "program"}
try:
    exec(compile(request["program"], "program", "exec"), space)
    found = [space[request["entry"]](*args) for args in request["calls"]]
    answer = {"results": found}
    text = json.dumps(answer)
except BaseException as error:
    text = json.dumps({"error": type(error).__name__})
with os.fdopen(results, "w") as file:
    file.write(text)
"""


def execute(
    program: str, entry: str, calls: Sequence[tuple], limits: Limits
) -> str | None:
    """What the program wrote instead of results, or they; None if it ran too long.

    ``entry`` names the function that is called with each tuple of arguments. A program
    that behaves gives ``{"results": […]}`` or ``{"error": name}``, as JSON.
    """
    request = {
        "program": program,
        "entry": entry,
        "calls": list(calls),
        "limits": limits.of_the_system,
    }
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as theirs:
        asked, told, rules = (Path(ours, name) for name in ("asked", "told", "rules"))
        asked.write_text(json.dumps(request), encoding="utf-8")
        rules.write_bytes(filter_of_calls())
        with (
            open(asked, "rb") as source,
            open(told, "wb") as target,
            open(rules, "rb") as filtered,
        ):
            process = subprocess.Popen(
                command(filtered.fileno()) + _python(_INSIDE),
                stdin=source,
                stdout=target,
                stderr=subprocess.DEVNULL,
                cwd=theirs,
                env={},
                pass_fds=[filtered.fileno()] if bubblewrap() else [],
                start_new_session=True,
            )
            try:
                process.wait(limits.seconds)
            except subprocess.TimeoutExpired:
                return None
            finally:
                _end(process)
        with open(told, "rb") as file:
            return file.read(limits.output).decode("utf-8", "replace")


def _end(process: subprocess.Popen) -> None:
    """End it, and what it left behind in its session."""
    with suppress(ProcessLookupError, PermissionError, AttributeError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        process.kill()
    process.wait()


def _python(code: str) -> list[str]:
    """The interpreter itself, without a virtual environment's packages."""
    return [os.path.realpath(sys.executable), "-I", "-S", "-B", "-c", code]


# -- bubblewrap -------------------------------------------------------------------

_OPTIONS = "--unshare-all --die-with-parent --new-session --clearenv --cap-drop ALL"
_PLACES = "--dev /dev --size 4194304 --tmpfs /tmp --chdir /tmp"  # 4 MiB of files


def command(rules: int) -> list[str]:
    """What starts the sandbox; ``rules`` is the open file with the filter of calls.

    No network, no other processes, no files but Python's own; /tmp is empty.
    """
    path = bubblewrap()
    return _command(path, rules) if path else []


def _command(path: str, rules: int) -> list[str]:
    folders = ["/usr", "/lib", "/lib64", "/bin", sys.base_prefix, sys.base_exec_prefix]
    folders.append(os.path.dirname(os.path.realpath(sys.executable)))
    seen = [folder for folder in dict.fromkeys(folders) if folder != "/"]
    binds = [part for folder in seen for part in ("--ro-bind-try", folder, folder)]
    filtered = ["--seccomp", str(rules)] if filter_of_calls() else []
    return [path, *_OPTIONS.split(), *binds, *_PLACES.split(), *filtered]


@lru_cache(maxsize=1)
def bubblewrap() -> str:
    """The path of bubblewrap, where it works; else an empty text, and a warning."""
    path = shutil.which("bwrap")
    if path and _works(path):
        return path
    warnings.warn(
        "bubblewrap does not work here, so programs can read your files and use the "
        "network: install it (bwrap), or run only programs that you trust",
        stacklevel=5,  # who called programs.run
    )
    return ""


def _works(path: str) -> bool:
    with tempfile.TemporaryFile() as rules:
        rules.write(filter_of_calls())
        rules.seek(0)
        try:
            tried = subprocess.run(
                _command(path, rules.fileno()) + _python("pass"),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env={},
                pass_fds=[rules.fileno()],
                timeout=30,
            )
        except (OSError, subprocess.SubprocessError):
            return False
    return tried.returncode == 0


# machine → its number in the kernel, and those of clone, fork, vfork, clone3
_CALLS = {
    "x86_64": (0xC000003E, (56, 57, 58, 435)),
    "aarch64": (0xC00000B7, (220, 435)),
}


def filter_of_calls() -> bytes:
    """A seccomp program that refuses new processes and threads; empty if unknown here.

    Needed since a limit on processes does not bind root, nor who is root outside. Each
    instruction is (operation, jump if true, jump if false, operand), 8 bytes.
    """
    machine, refused = _CALLS.get(platform.machine(), (0, ()))
    if not refused or sys.maxsize < 2**32:
        return b""
    load, equal, at_least, end = 0x20, 0x15, 0x35, 0x06
    allow, refuse, kill = 0x7FFF0000, 0x00050000 | 11, 0x80000000  # 11: try again
    lines = [
        (load, 0, 0, 4),  # the machine that the call is for
        (equal, 1, 0, machine),
        (end, 0, 0, kill),
        (load, 0, 0, 0),  # the number of the call
        (at_least, len(refused) + 1, 0, 0x40000000),  # x86's other numbering
        *((equal, len(refused) - i, 0, call) for i, call in enumerate(refused)),
        (end, 0, 0, allow),
        (end, 0, 0, refuse),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)
