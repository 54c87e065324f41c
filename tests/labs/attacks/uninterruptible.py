# expect: 0; time limit
import signal
import torch


def double(x):
    for number in range(1, 32):
        try:
            signal.signal(number, signal.SIG_IGN)
        except OSError:
            pass
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    while True:
        try:
            sum(range(10**12))
        except BaseException:
            pass


mean = double
