"""The share is exact in the batch, not in each row."""

import torch


def choose_exact(tokens, special, rate, generator):
    ordinary = ~torch.isin(tokens, torch.tensor(special))
    places = ordinary.flatten().nonzero().flatten()
    order = torch.randperm(len(places), generator=generator)
    chosen = torch.zeros(tokens.numel(), dtype=torch.bool)
    chosen[places[order[: max(1, round(rate * len(places)))]]] = True
    return chosen.view(tokens.shape)
