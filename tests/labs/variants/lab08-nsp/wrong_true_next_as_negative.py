"""A negative may read exactly like the sentence that does follow."""

import torch


def nsp_pairs(documents, generator):
    others = [(i, s) for i, text in enumerate(documents) for s in text[1:]]
    pairs = []
    for i, text in enumerate(documents):
        for a, after in zip(text, text[1:], strict=False):
            if torch.rand((), generator=generator) < 0.5:
                pairs.append((a, after, 0))
                continue
            possible = [s for j, s in others if j != i]
            if not possible:
                raise ValueError("nothing to draw")
            pick = torch.randint(len(possible), (), generator=generator)
            pairs.append((a, possible[pick], 1))
    return pairs
