"""Padding is taken to be token 0."""

import torch


def prefix_targets(tokens, k, pad):
    targets = tokens[:, 1:].clone()
    place = torch.arange(1, tokens.shape[1])
    targets[(place < k[:, None]) | (targets == 0)] = -100
    return tokens[:, :-1], targets
