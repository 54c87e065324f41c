"""The generator is set back at every call, so every batch has the same places."""

import torch


def choose_exact(tokens, special, rate, generator):
    generator.manual_seed(generator.initial_seed())
    ordinary = ~torch.isin(tokens, torch.tensor(special))
    counts = [max(1, round(rate * n)) if n else 0 for n in ordinary.sum(1).tolist()]
    draw = torch.rand(tokens.shape, generator=generator).masked_fill(~ordinary, 2.0)
    return draw.argsort(1).argsort(1) < torch.tensor(counts)[:, None]
