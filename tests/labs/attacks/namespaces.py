# expect: 0; nothing
import ctypes
import os


def double(x):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x10000000) == 0:
        raise ValueError("LEAK: a user namespace of its own")
    if libc.mount(b"none", b"/tmp", b"tmpfs", 0, 0) == 0:
        raise ValueError("LEAK: a mount of its own")
    raise OSError("nothing to see")


def mean(x):
    try:
        os.setuid(0)
    except OSError:
        raise OSError("nothing to see") from None
    raise ValueError("LEAK: root")
