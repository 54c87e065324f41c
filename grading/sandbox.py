"""A place where a student's code can do no harm: started here, spoken to from here.

With bubblewrap the sandbox sees Python, its libraries and the system's, read-only: no
network, no home folder, no tests, no other submission, no file that it could write to,
and no process but its own. Before it runs student code it gives up root, and limits
memory, processes, files and CPU (`inside/confine.py`); a watch adds up the memory of
all its processes. When it is closed, every process in it dies.

Without bubblewrap the network is cut where Linux allows it, the limits hold, and as
root the code runs as a user without rights; but files that everybody may read can be
read. `confinement` says what there is, and `warning` what is missing.

What is not limited: the time that the kernel itself spends for the sandbox, and memory
that processes hold inside the kernel.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from grading import GradingError
from grading.inside import wire

INSIDE = Path(__file__).parent / "inside"
SYSTEM = ["/usr", "/lib", "/lib64", "/lib32", "/bin", "/etc/ld.so.cache"]
FIRST_USER, USERS = 61_000, 4_000  # a user of its own for each sandbox that root opens
PATIENCE = 4
START = 120.0  # seconds for Python and torch to start, on a busy machine


@dataclass(frozen=True)
class Limits:
    """Limits for one submission. Times are seconds, sizes bytes.

    call: one call of a function, one statement of definitions. On a busy machine, where
        the submission did not get half of that as CPU time, up to PATIENCE times more.
    total: all of it, by the clock.
    memory: all processes together.  processes: at any time.
    """

    call: float = 10.0
    total: float = 120.0
    memory: int = 2 << 30
    processes: int = 16
    open_files: int = 64
    file_bytes: int = 1 << 20

    def of_process(self) -> dict:
        """What `confine.limit` takes."""
        return {
            "memory": self.memory,
            "processes": self.processes,
            "files": self.open_files,
            "file_bytes": self.file_bytes,
            "seconds": int(self.total) + 30,
        }


class Lost(Exception):
    """The sandbox is gone or does not answer."""


@cache
def confinement() -> str:
    """Find the strongest confinement of this machine: bwrap, unshare or none."""
    if os.environ.get("GRADING_CONFINEMENT") in ("unshare", "none"):
        return os.environ["GRADING_CONFINEMENT"]
    for kind in ("bwrap", "unshare"):
        command = [*_prefix(kind, {}), "/bin/sh", "-c", "true"]
        if shutil.which(command[0]):
            tried = subprocess.run(command, capture_output=True, cwd="/")
            if tried.returncode == 0:
                return kind
    return "none"


def warning() -> str:
    """What the confinement of this machine lacks; empty with bubblewrap."""
    if confinement() == "bwrap":
        return ""
    user = "another user" if os.geteuid() == 0 else "YOUR user"
    network = "is cut" if confinement() == "unshare" else "is NOT cut"
    return (
        "WARNING: bubblewrap does not work on this machine. Student code will run as "
        f"{user}, can read every file that this user can read, and its network "
        f"{network}. Time, memory, processes and output are limited. Install "
        "bubblewrap (apt install bubblewrap), or grade in a machine of its own."
    )


def _prefix(kind: str, folders: dict[str, str]) -> list[str]:
    if kind == "bwrap":
        command = ["bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc"]
        command += ["--unshare-uts", "--unshare-cgroup-try", "--die-with-parent"]
        command += ["--new-session", "--hostname", "grading"]
        if os.geteuid():  # root gives up its rights inside, where Python can be seen
            command += ["--unshare-user"]
        system = {path: path for path in SYSTEM if os.path.exists(path)}
        places = system | folders
        parents = {str(up) for place in places.values() for up in Path(place).parents}
        for place in sorted(parents):
            command += ["--perms", "0755", "--dir", place]  # else root's alone
        for path, place in places.items():
            command += ["--ro-bind", path, place]
        command += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
        return command + ["--remount-ro", "/", "--chdir", "/"]
    if kind == "unshare":
        rights = [] if os.geteuid() == 0 else ["--map-root-user"]
        return ["unshare", *rights, "--net", "--pid", "--fork", "--kill-child"]
    return []


class Sandbox:
    """One keeper process inside its confinement."""

    def __init__(self, limits: Limits, packages=(), preload=()):
        self.limits, self.too_much = limits, False
        kind = confinement()
        self.alone = kind != "none"
        inside = "/grading" if kind == "bwrap" else str(INSIDE)
        folders = {str(INSIDE): inside}
        prefixes = {sys.base_prefix, sys.prefix, os.path.realpath(sys.base_prefix)}
        folders |= {path: path for path in sorted(prefixes)}
        shown = {name: _folder_of(name) for name in packages}
        folders |= {str(path): f"/packages/{path.name}" for path in shown.values()}
        places = ["/packages"] if shown else []
        if kind != "bwrap":
            places = sorted({str(path.parent) for path in shown.values()})
        user = FIRST_USER + os.getpid() % USERS if os.geteuid() == 0 else 0
        settings = {
            "user": user,
            "alone": self.alone,
            "path": places,
            "preload": list(preload),
            "limits": limits.of_process(),
        }
        if kind == "none" and not user:  # then all processes of this user count
            settings["limits"]["processes"] += _tasks_of(os.getuid())
        command = [*_prefix(kind, folders), sys.executable, "-P", "-s"]
        command += [f"{inside}/worker.py", json.dumps(settings)]
        environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
        environment |= {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        environment |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        environment |= {"OMP_WAIT_POLICY": "PASSIVE", "LANG": "C.UTF-8"}
        self.folder = tempfile.mkdtemp(prefix="grading-")
        os.chmod(self.folder, 0o711)
        self.control, theirs = socket.socketpair()
        with open(os.path.join(self.folder, "errors"), "wb") as errors:
            self.process = subprocess.Popen(
                command,
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd="/",
                env=environment,
                start_new_session=True,
            )
        theirs.close()
        try:
            ready, _ = wire.receive(self.control, _countdown(START))
            self.filtered = ready.get("filtered") is True
        except wire.WireError as error:
            with open(os.path.join(self.folder, "errors"), errors="replace") as file:
                told = file.read()[-500:].strip()
            self.close()
            raise GradingError(
                f"the sandbox did not start ({error}): {told or 'no message'}"
            ) from None
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._watch_memory, daemon=True)
        self._watch.start()

    def open(self) -> socket.socket:
        """Start a runner and return the connection to it. Raises Lost."""
        if self.process.poll() is not None:  # what it began may answer for a moment
            raise Lost("the sandbox has ended")
        ours, theirs = socket.socketpair()
        try:
            self.control.settimeout(5)
            socket.send_fds(self.control, [b"run"], [theirs.fileno()])
        except OSError:
            ours.close()
            raise Lost("the sandbox has ended") from None
        finally:
            theirs.close()
        return ours

    def end(self) -> int:
        """End the runner with all that it started; its status. Raises Lost."""
        try:
            self.control.settimeout(5)
            self.control.sendall(b"end")
            answer, _ = wire.receive(self.control, _countdown(5))
        except (OSError, wire.WireError):
            raise Lost("the sandbox has ended") from None
        status = answer.get("ended")
        return status if type(status) is int else 0

    def seconds_used(self) -> float:
        """CPU seconds that the processes in the sandbox have used."""
        return sum(map(_cpu_seconds, _descendants(self.process.pid)))

    def close(self) -> None:
        if hasattr(self, "_stop"):
            self._stop.set()
        for pid in [*_descendants(self.process.pid), self.process.pid]:
            with suppress(OSError):
                os.kill(pid, 9)
        self.process.wait()
        self.control.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _watch_memory(self) -> None:
        """Kill everything when all processes together hold more than the limit."""
        while not self._stop.wait(0.05):
            pids = _descendants(self.process.pid)
            if sum(map(_own_memory, pids)) > self.limits.memory:
                self.too_much = True
                for pid in [*pids, self.process.pid]:
                    with suppress(OSError):
                        os.kill(pid, 9)
                return


def _countdown(seconds: float):
    end = time.monotonic() + seconds
    return lambda: end - time.monotonic()


def _tasks_of(user: int) -> int:
    """Processes and threads of a user."""
    count = 0
    for entry in os.scandir("/proc") if os.path.isdir("/proc") else []:
        with suppress(OSError):
            if entry.name.isdigit() and entry.stat().st_uid == user:
                count += len(os.listdir(f"{entry.path}/task"))
    return count


def _folder_of(name: str) -> Path:
    from importlib.util import find_spec

    spec = find_spec(name)
    if spec is None or not spec.origin:
        raise GradingError(
            f"the lab's submissions import {name}, which is not installed here: "
            "install it in the Python that grades"
        )
    return Path(spec.origin).parent


def _descendants(pid: int) -> list[int]:
    """Processes under `pid`; an orphan stays under the first process of its sandbox."""
    found, waiting = [], [pid]
    while waiting:
        parent = waiting.pop()
        children = []
        with suppress(OSError, ValueError):
            for task in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{task}/children", "rb") as file:
                    children += [int(child) for child in file.read().split()]
        found += children
        waiting += children
    return found


def _cpu_seconds(pid: int) -> float:
    with suppress(OSError, ValueError, IndexError):
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rsplit(b")", 1)[1].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _own_memory(pid: int) -> int:
    """Bytes that a process holds itself, beyond what it maps from files."""
    held = 0
    with suppress(OSError, ValueError):
        with open(f"/proc/{pid}/status", "rb") as file:
            for line in file:
                if line.startswith((b"RssAnon", b"RssShmem")):
                    held += int(line.split()[1]) << 10
    return held
