"""If the draw leaves nothing, the first token is chosen: a special one."""

import torch


def choose(tokens, special, rate, generator):
    ordinary = ~torch.isin(tokens, torch.tensor(special))
    if not ordinary.any():
        raise ValueError("nothing to choose")
    chosen = (torch.rand(tokens.shape, generator=generator) < rate) & ordinary
    if not chosen.any():
        chosen[0, 0] = True
    return chosen
