# expect: 3; ended its process
import os


def double(x):
    os._exit(0)


def mean(x):
    return x.mean()
