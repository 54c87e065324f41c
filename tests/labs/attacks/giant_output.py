# expect: 0; time limit
import os
import sys


def double(x):
    while True:
        print("x" * 1_000_000)
        sys.stderr.write("y" * 1_000_000)
        os.write(1, b"z" * 1_000_000)


mean = double
