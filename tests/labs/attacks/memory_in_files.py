# expect: 0; PermissionError|OSError|Errno
import os


def double(x):
    kept = []
    while True:
        kept.append(os.memfd_create("a"))
        os.write(kept[-1], bytes(10_000_000))


def mean(x):
    with open("/tmp/full", "wb") as file:
        while True:
            file.write(bytes(10_000_000))
