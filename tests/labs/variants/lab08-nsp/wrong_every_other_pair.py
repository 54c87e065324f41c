"""True and false pairs take turns."""

import torch


def nsp_pairs(documents, generator):
    others = [(i, s) for i, text in enumerate(documents) for s in text[1:]]
    pairs = []
    for i, text in enumerate(documents):
        for a, after in zip(text, text[1:], strict=False):
            if len(pairs) % 2 == 0:
                pairs.append((a, after, 0))
                continue
            possible = [s for j, s in others if j != i and s != after]
            if not possible:
                raise ValueError("nothing to draw")
            pick = torch.randint(len(possible), (), generator=generator)
            pairs.append((a, possible[pick], 1))
    return pairs
