"""One draw for all rows."""

import torch


def choose_exact(tokens, special, rate, generator):
    ordinary = ~torch.isin(tokens, torch.tensor(special))
    counts = [max(1, round(rate * n)) if n else 0 for n in ordinary.sum(1).tolist()]
    draw = torch.rand(tokens.shape[1], generator=generator).expand(tokens.shape)
    draw = draw.masked_fill(~ordinary, 2.0)
    return draw.argsort(1).argsort(1) < torch.tensor(counts)[:, None]
