"""One draw for all rows."""

import torch


def choose(tokens, special, rate, generator):
    ordinary = ~torch.isin(tokens, torch.tensor(special))
    if not ordinary.any():
        raise ValueError("nothing to choose")
    columns = torch.rand(tokens.shape[1], generator=generator) < rate
    chosen = columns & ordinary
    while not chosen.any():
        chosen = (torch.rand(tokens.shape, generator=generator) < 0.5) & ordinary
    return chosen
