"""One draw for a whole document: all of its pairs are swapped, or none."""

import torch


def sop_pairs(documents, generator):
    pairs = []
    for text in documents:
        swap = torch.rand((), generator=generator) >= 0.5
        for one, two in zip(text, text[1:], strict=False):
            if one != two:
                pairs.append((two, one, 1) if swap else (one, two, 0))
    return pairs
