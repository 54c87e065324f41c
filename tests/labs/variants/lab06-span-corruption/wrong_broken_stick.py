"""Each length is drawn evenly from what is left: early segments get too long."""

import torch


def segment_lengths(items, parts, generator):
    if items < parts:
        raise ValueError("too few items")
    lengths = []
    for left in range(parts - 1, 0, -1):
        n = int(torch.randint(1, items - left + 1, (), generator=generator))
        lengths.append(n)
        items -= n
    return [*lengths, items]
