"""Characters are counted, not bytes."""

import math


def bits_per_byte(nats, texts):
    if len(nats) != len(texts):
        raise ValueError("not equally long")
    size = sum(len(text) for text in texts)
    if size == 0:
        raise ValueError("no byte")
    return sum(nats) / math.log(2) / size
