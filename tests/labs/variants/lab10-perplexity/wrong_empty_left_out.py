"""Of an empty document the loss is left out as well."""

import math


def bits_per_byte(nats, texts):
    if len(nats) != len(texts):
        raise ValueError("not equally long")
    total = sum(x for x, text in zip(nats, texts) if text)
    size = sum(len(text.encode()) for text in texts)
    if size == 0:
        raise ValueError("no byte")
    return total / math.log(2) / size
