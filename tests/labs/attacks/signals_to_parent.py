# expect: 0; ended|destroyed|sandbox
import os
import signal


def double(x):
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(-1, signal.SIGKILL)


def mean(x):
    os.kill(-1, signal.SIGTERM)
    os.kill(os.getppid(), signal.SIGTERM)
    os.killpg(0, signal.SIGKILL)
