"""Targets are a view of the tokens, which lose their prefix."""

import torch


def prefix_targets(tokens, k, pad):
    inputs, targets = tokens[:, :-1].clone(), tokens[:, 1:]
    place = torch.arange(1, tokens.shape[1])
    targets[(place < k[:, None]) | (targets == pad)] = -100
    return inputs, targets
