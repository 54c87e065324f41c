"""Lists of different lengths are cut to the shorter one."""

import math


def bits_per_byte(nats, texts):
    pairs = list(zip(nats, texts))
    size = sum(len(text.encode()) for _, text in pairs)
    if size == 0:
        raise ValueError("no byte")
    return sum(x for x, _ in pairs) / math.log(2) / size
