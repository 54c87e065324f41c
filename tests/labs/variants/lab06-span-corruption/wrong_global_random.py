"""The draws do not come from the generator."""

import torch


def segment_lengths(items, parts, generator):
    if items < parts:
        raise ValueError("too few items")
    cuts = torch.randperm(items - 1)[: parts - 1] + 1
    edges = [0, *sorted(cuts.tolist()), items]
    return [b - a for a, b in zip(edges, edges[1:])]
