# expect: 0; memory|destroyed|ended|time
import os
import time


def double(x):
    for _ in range(10):
        if os.fork() == 0:
            kept = bytearray(os.urandom(1)) * 200_000_000
            time.sleep(100)
            os._exit(len(kept) % 2)
    time.sleep(100)


mean = double
