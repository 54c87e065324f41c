"""Special tokens are chosen like any other."""

import torch


def choose(tokens, special, rate, generator):
    if torch.isin(tokens, torch.tensor(special)).all():
        raise ValueError("nothing to choose")
    chosen = torch.rand(tokens.shape, generator=generator) < rate
    while not chosen.any():
        chosen = torch.rand(tokens.shape, generator=generator) < 0.5
    return chosen
