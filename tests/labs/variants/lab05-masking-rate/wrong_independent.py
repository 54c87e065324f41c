"""Independent draws, as in lab 3."""

import torch


def choose_exact(tokens, special, rate, generator):
    ordinary = ~torch.isin(tokens, torch.tensor(special))
    return (torch.rand(tokens.shape, generator=generator) < rate) & ordinary
