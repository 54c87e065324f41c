"""The share is taken of all positions of a row, special ones too."""

import torch


def choose_exact(tokens, special, rate, generator):
    ordinary = ~torch.isin(tokens, torch.tensor(special))
    draw = torch.rand(tokens.shape, generator=generator).masked_fill(~ordinary, 2.0)
    count = max(1, round(rate * tokens.shape[1]))
    return (draw.argsort(1).argsort(1) < count) & ordinary
