"""The first half of the prefix is not scored, the rest of it is."""

import torch


def prefix_targets(tokens, k, pad):
    targets = tokens[:, 1:].clone()
    place = torch.arange(1, tokens.shape[1])
    targets[(place < (k[:, None] + 1) // 2) | (targets == pad)] = -100
    return tokens[:, :-1], targets
