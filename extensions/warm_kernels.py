"""Start the pages' kernels as forks of a process that has imported what they share.

To start Python and import PyTorch and Matplotlib takes a kernel more than two seconds
of CPU, and each page has a kernel of its own. Here one process, the nursery, imports
the modules of the setting `kernel_preload` and then waits; a kernel is a fork of it,
so it has them at once, and nothing of any other page. The modules must not start
threads, and are not the project's own, which may be edited.

On Linux. Elsewhere, and where `kernel_preload` is empty, kernels start as ever.
"""

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from importlib import import_module

from jupyter_client.provisioning import local_provisioner

LAUNCHER = "ipykernel_launcher"
# What ipykernel tells Matplotlib, which reads it when it is imported: too early here.
BACKEND = "module://matplotlib_inline.backend_inline"


class Nursery:
    """The process that kernels are forked from, started with the first of them."""

    def __init__(self, preload, start_otherwise):
        self.preload, self.start_otherwise = list(preload), start_otherwise
        self.process = None

    def launch(self, command, **settings):
        """As `jupyter_client.launcher.launch_kernel`, for the same arguments."""
        if list(command[:3]) != [sys.executable, "-m", LAUNCHER]:
            return self.start_otherwise(command, **settings)
        environment = {"MPLBACKEND": BACKEND} | (settings.get("env") or os.environ)
        if self.process is None:
            ours, theirs = socket.socketpair()
            self.process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno()), *self.preload],
                env=environment,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
            theirs.close()
            self.connection = ours.makefile("rwb", buffering=0)
        place = settings.get("cwd") or os.getcwd()
        start = {"arguments": command[3:], "env": dict(environment), "cwd": str(place)}
        return Kernel(self, self.ask(start))

    def ask(self, question):
        """Return the nursery's answer. Raises RuntimeError when it has ended."""
        with suppress(OSError):
            self.connection.write(json.dumps(question).encode() + b"\n")
        answer = self.connection.readline()
        if not answer:
            raise RuntimeError(
                "the process that kernels are forked from has ended: see what it told "
                "above, or build with an empty kernel_preload in _config.yml"
            )
        return json.loads(answer)

    def close(self):
        if self.process is not None:
            self.connection.close()
            self.process.wait()
            self.process = None


class Kernel:
    """A forked kernel, with what Jupyter asks of a `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, nursery: Nursery, pid: int):
        self.nursery, self.pid, self.returncode = nursery, pid, None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self.nursery.ask({"poll": self.pid})
        return self.returncode

    def wait(self, timeout=None) -> int:
        while self.poll() is None:
            time.sleep(0.02)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def main() -> None:
    """The nursery: import, then fork a kernel or tell of one at each line asked."""
    for name in [*sys.argv[2:], "ipykernel.kernelapp"]:
        with suppress(ImportError):  # a page that imports it will tell
            import_module(name)
    gc.freeze()
    connection = socket.socket(fileno=int(sys.argv[1])).makefile("rwb", buffering=0)
    for line in connection:
        question = json.loads(line)
        if "poll" in question:
            pid, status = os.waitpid(question["poll"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if not answer:
                connection.close()
                run_kernel(**question)
            os.setpgid(answer, answer)  # signals are sent to the group
        connection.write(json.dumps(answer).encode() + b"\n")


def run_kernel(arguments, env, cwd) -> None:
    """Be a kernel, as `python -m ipykernel_launcher` is, until it ends."""
    from ipykernel import kernelapp

    status = 1
    try:
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(env)
        # It ends when its parent does.
        parent = f"--IPKernelApp.parent_handle={os.getppid()}"
        sys.argv = [LAUNCHER, *arguments, parent, "--log-level=ERROR"]
        kernelapp.launch_new_instance()
        status = 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def warm(app, config):
    if sys.platform == "linux" and config.kernel_preload:
        nursery = Nursery(config.kernel_preload, local_provisioner.launch_kernel)
        local_provisioner.launch_kernel = nursery.launch

        def close(app, error):
            local_provisioner.launch_kernel = nursery.start_otherwise
            nursery.close()

        app.connect("build-finished", close)


def setup(app):
    app.add_config_value("kernel_preload", [], "")
    app.connect("config-inited", warm)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    main()
