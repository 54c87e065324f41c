"""The share is rounded down."""

import torch


def choose_exact(tokens, special, rate, generator):
    ordinary = ~torch.isin(tokens, torch.tensor(special))
    found = ordinary.sum(1).tolist()
    counts = [max(1, int(rate * n + 1e-9)) if n else 0 for n in found]
    draw = torch.rand(tokens.shape, generator=generator).masked_fill(~ordinary, 2.0)
    return draw.argsort(1).argsort(1) < torch.tensor(counts)[:, None]
