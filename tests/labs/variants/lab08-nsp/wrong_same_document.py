"""Negatives come from the same document too."""

import torch


def nsp_pairs(documents, generator):
    others = [s for text in documents for s in text[1:]]
    pairs = []
    for text in documents:
        for a, after in zip(text, text[1:], strict=False):
            if torch.rand((), generator=generator) < 0.5:
                pairs.append((a, after, 0))
                continue
            possible = [s for s in others if s != after]
            if not possible:
                raise ValueError("nothing to draw")
            pick = torch.randint(len(possible), (), generator=generator)
            pairs.append((a, possible[pick], 1))
    return pairs
