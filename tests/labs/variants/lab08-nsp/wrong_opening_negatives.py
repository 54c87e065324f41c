"""Negatives may be the first sentence of a document, which gives them away."""

import torch


def nsp_pairs(documents, generator):
    pairs = []
    for i, text in enumerate(documents):
        for a, after in zip(text, text[1:], strict=False):
            label = int(torch.rand((), generator=generator) >= 0.5)
            if label:
                others = documents[:i] + documents[i + 1 :]
                possible = [s for other in others for s in other if s != after]
                if not any(s != after for other in others for s in other[1:]):
                    raise ValueError("nothing to draw")
                pick = torch.randint(len(possible), (), generator=generator)
                after = possible[pick]
            pairs.append((a, after, label))
    return pairs
