# expect: 0; nothing
import ctypes
import os


def double(x):
    try:
        open(f"/proc/{os.getppid()}/mem", "rb")
    except OSError:
        raise OSError("nothing to see") from None
    raise ValueError("LEAK: memory of the parent")


def mean(x):
    if ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) == 0:
        raise ValueError("LEAK: traces the parent")
    raise OSError("nothing to see")
