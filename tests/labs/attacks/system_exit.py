# expect: 0; SystemExit
import sys


def leave(function):
    sys.exit(0)


@leave
def double(x):
    return x


def mean(x):
    raise SystemExit(0)
