"""The end of a document is counted as one byte more, from the second one on."""

import math


def bits_per_byte(nats, texts):
    if len(nats) != len(texts):
        raise ValueError("not equally long")
    size = len("\n".join(texts).encode())
    if not any(texts):
        raise ValueError("no byte")
    return sum(nats) / math.log(2) / size
