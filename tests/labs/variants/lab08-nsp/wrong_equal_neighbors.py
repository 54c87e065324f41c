"""Two equal neighbors are swapped like any others."""

import torch


def sop_pairs(documents, generator):
    pairs = []
    for text in documents:
        for one, two in zip(text, text[1:], strict=False):
            if torch.rand((), generator=generator) < 0.5:
                pairs.append((one, two, 0))
            else:
                pairs.append((two, one, 1))
    return pairs
