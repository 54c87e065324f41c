"""The prefix's last position is not scored: nobody predicts the first token after it."""

import torch


def prefix_targets(tokens, k, pad):
    targets = tokens[:, 1:].clone()
    place = torch.arange(tokens.shape[1] - 1)
    targets[(place < k[:, None]) | (targets == pad)] = -100
    return tokens[:, :-1], targets
