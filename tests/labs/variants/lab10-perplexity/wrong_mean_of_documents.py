"""A mean of the documents' bits per byte."""

import math


def bits_per_byte(nats, texts):
    if len(nats) != len(texts):
        raise ValueError("not equally long")
    pairs = [(x, len(t.encode())) for x, t in zip(nats, texts) if t]
    if not pairs:
        raise ValueError("no byte")
    return sum(x / math.log(2) / size for x, size in pairs) / len(pairs)
