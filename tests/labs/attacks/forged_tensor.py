# expect: 0; .
import sys


def double(x):
    wire = sys.modules["wire"]
    shape = [1 << 62, 1 << 62]
    wire.Encoder.value = lambda self, x, depth=0: {"T": ["float32", shape, 0, True, 0]}
    return x


def mean(x):
    wire = sys.modules["wire"]
    wire.Encoder.value = lambda self, x, depth=0: {"T": ["float32", [1], -4, True, -9]}
    return x
