"""More parts than items are not noticed."""

import torch


def segment_lengths(items, parts, generator):
    cuts = torch.randperm(items - 1, generator=generator)[: parts - 1] + 1
    edges = [0, *sorted(cuts.tolist()), items]
    return [b - a for a, b in zip(edges, edges[1:])]
