"""One item each, and the others thrown evenly: middling lengths come too often."""

import torch


def segment_lengths(items, parts, generator):
    if items < parts:
        raise ValueError("too few items")
    thrown = torch.randint(parts, (items - parts,), generator=generator)
    return (1 + torch.bincount(thrown, minlength=parts)).tolist()
