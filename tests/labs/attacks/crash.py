# expect: 0; ended its process
import ctypes


def double(x):
    ctypes.string_at(0)


def mean(x):
    ctypes.memset(1, 0, 1)
