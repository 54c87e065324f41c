"""A document is drawn, and then a sentence of it: short documents come too often."""

import torch


def nsp_pairs(documents, generator):
    def draw(n):
        return int(torch.randint(n, (), generator=generator))

    pairs = []
    for i, text in enumerate(documents):
        for a, after in zip(text, text[1:], strict=False):
            if torch.rand((), generator=generator) < 0.5:
                pairs.append((a, after, 0))
                continue
            others = documents[:i] + documents[i + 1 :]
            others = [[s for s in d[1:] if s != after] for d in others]
            others = [d for d in others if d]
            if not others:
                raise ValueError("nothing to draw")
            other = others[draw(len(others))]
            pairs.append((a, other[draw(len(other))], 1))
    return pairs
