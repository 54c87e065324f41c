"""Cuts are drawn with repetition, so a segment can be empty."""

import torch


def segment_lengths(items, parts, generator):
    if items < parts:
        raise ValueError("too few items")
    cuts = torch.randint(1, items + 1, (parts - 1,), generator=generator)
    edges = [0, *sorted(cuts.tolist()), items]
    return [b - a for a, b in zip(edges, edges[1:])]
