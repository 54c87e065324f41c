"""Limits that a process puts on itself, before it runs a line of a student's code.

Each can be lowered and never raised again: another user, resources, a filter of system
calls. The sandbox around it (see `grading.sandbox`) takes away network and files.

`drop` comes first: the number of processes is limited for each user, and root has no
such limit.
"""

import ctypes
import os
import platform
import resource
import struct
import sys

# System calls that a function of a lab never needs: namespaces, mounts, memory of other
# processes, memory that no limit counts, sockets, and where the kernel had accidents.
DENIED = {
    "x86_64": [272, 308, 165, 155, 101, 310, 311, 319, 29, 68, 240, 321, 323, 425, 298,
               250, 248, 249, 41, 428, 429, 430, 442],
    "aarch64": [97, 268, 40, 41, 117, 270, 271, 279, 194, 186, 180, 280, 282, 425, 241,
                219, 217, 218, 198, 428, 429, 430, 442],
}  # fmt: skip
CLONE = {"x86_64": 56, "aarch64": 220}
CLONE3 = 435
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
NEW_NAMESPACES = 0x7E020000
SET_DUMPABLE, SET_SECCOMP, SUBREAPER, NO_NEW_PRIVILEGES = 4, 22, 36, 38


def prctl(option: int, value: int, pointer=0) -> bool:
    """Ask Linux for something about this process; False where it does not know how."""
    if sys.platform != "linux":
        return False
    call = ctypes.CDLL(None, use_errno=True).prctl
    call.argtypes = [ctypes.c_int] + [ctypes.c_ulong, ctypes.c_void_p] + [
        ctypes.c_ulong
    ] * 2
    return call(option, value, pointer, 0, 0) == 0


def drop(user: int) -> None:
    """Become `user` for good. Raises RuntimeError if any right of root is left."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    if os.getresuid() != (user,) * 3 or os.getresgid() != (user,) * 3:
        raise RuntimeError("the sandbox kept the rights of root")
    try:
        os.setuid(0)
    except OSError:
        return
    raise RuntimeError("the sandbox could become root again")


def limit(memory: int, processes: int, files: int, file_bytes: int, seconds: int):
    """Limit memory (bytes beyond what is in use), processes, files, their size, CPU."""
    used = _address_space()
    _lower(resource.RLIMIT_AS, used + memory)
    _lower(resource.RLIMIT_NPROC, processes)
    _lower(resource.RLIMIT_NOFILE, files)
    _lower(resource.RLIMIT_FSIZE, file_bytes)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_CPU, seconds)
    prctl(NO_NEW_PRIVILEGES, 1)
    prctl(SET_DUMPABLE, 0)  # processes of the same user cannot look into this one


def _lower(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    try:
        resource.setrlimit(kind, (value, value))
    except (ValueError, OSError):
        pass  # macOS has no limit of the address space


def _address_space() -> int:
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 2 << 30


def filter_calls() -> bool:
    """Forbid the calls above for this process and its children; False if it cannot."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in AUDIT:
        return False
    load, equal, any_bit, give = 0x20, 0x15, 0x45, 0x06
    allow, forbid, unknown = 0x7FFF0000, 0x00050001, 0x00050000 | 38
    rules = [(load, 0, 0, 4), (equal, 1, 0, AUDIT[machine]), (give, 0, 0, forbid)]
    rules += [(load, 0, 0, 0)]
    if machine == "x86_64":  # the same calls under other numbers
        rules += [(0x35, 0, 1, 0x40000000), (give, 0, 0, forbid)]
    for number in DENIED[machine]:
        rules += [(equal, 0, 1, number), (give, 0, 0, forbid)]
    rules += [(equal, 0, 1, CLONE3), (give, 0, 0, unknown)]  # libc then takes clone
    rules += [(equal, 0, 3, CLONE[machine]), (load, 0, 0, 16)]
    rules += [(any_bit, 0, 1, NEW_NAMESPACES), (give, 0, 0, forbid)]
    rules += [(give, 0, 0, allow)]
    code = b"".join(struct.pack("HBBI", *rule) for rule in rules)
    buffer = ctypes.create_string_buffer(code)

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("rules", ctypes.c_void_p)]

    program = Program(len(rules), ctypes.addressof(buffer))
    prctl(NO_NEW_PRIVILEGES, 1)
    return prctl(SET_SECCOMP, 2, ctypes.addressof(program))
