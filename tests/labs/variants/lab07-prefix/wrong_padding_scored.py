"""Padding is scored."""

import torch


def prefix_targets(tokens, k, pad):
    targets = tokens[:, 1:].clone()
    targets[torch.arange(1, tokens.shape[1]) < k[:, None]] = -100
    return tokens[:, :-1], targets
