"""The same number in every row."""

import torch


def choose(tokens, special, rate, generator):
    ordinary = ~torch.isin(tokens, torch.tensor(special))
    if not ordinary.any():
        raise ValueError("nothing to choose")
    draw = torch.rand(tokens.shape, generator=generator).masked_fill(~ordinary, 2)
    count = max(1, round(rate * tokens.shape[1]))
    return (draw.argsort(1).argsort(1) < count) & ordinary
