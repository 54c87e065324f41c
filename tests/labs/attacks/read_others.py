# expect: 0; nothing to see
import os
import sys


def double(x):
    seen = []
    for folder in ("/home", "/root", "/tmp", "/work", "/etc", "/var", "/mnt", "/opt"):
        try:
            seen += [f"{folder}/{name}" for name in os.listdir(folder)]
        except OSError:
            pass
    python = [sys.prefix, sys.base_prefix, "/etc/ld.so.cache"]  # these must be there
    shown = [s for s in seen if not any(p.startswith(s) for p in python)]
    raise ValueError(f"LEAK {shown}" if shown else "nothing to see")


mean = double
