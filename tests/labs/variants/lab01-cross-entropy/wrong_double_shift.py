"""Each position predicts the token after next."""

import torch


def shift(tokens, pad):
    targets = torch.roll(tokens, -2, dims=1)[:, :-1].clone()
    targets[:, -1] = -100
    targets[targets == pad] = -100
    return tokens[:, :-1], targets
