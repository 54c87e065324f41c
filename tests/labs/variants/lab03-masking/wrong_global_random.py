"""The draws do not come from the generator."""

import torch


def choose(tokens, special, rate, generator):
    ordinary = ~torch.isin(tokens, torch.tensor(special))
    if not ordinary.any():
        raise ValueError("nothing to choose")
    chosen = (torch.rand(tokens.shape) < rate) & ordinary
    while not chosen.any():
        chosen = (torch.rand(tokens.shape) < 0.5) & ordinary
    return chosen
