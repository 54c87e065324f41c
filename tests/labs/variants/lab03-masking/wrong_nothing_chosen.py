"""A draw may leave nothing to score."""

import torch


def choose(tokens, special, rate, generator):
    ordinary = ~torch.isin(tokens, torch.tensor(special))
    if not ordinary.any():
        raise ValueError("nothing to choose")
    return (torch.rand(tokens.shape, generator=generator) < rate) & ordinary
