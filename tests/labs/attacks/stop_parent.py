# expect: 0; ended|destroyed|sandbox|time
import os
import signal


def double(x):
    os.kill(os.getppid(), signal.SIGSTOP)


def mean(x):
    for pid in range(1, 200):
        try:
            os.kill(pid, signal.SIGSTOP)
        except OSError:
            pass
