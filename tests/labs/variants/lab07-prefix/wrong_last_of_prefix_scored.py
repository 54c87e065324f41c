"""One target too many: the prefix's last token, which its predictor sees."""

import torch


def prefix_targets(tokens, k, pad):
    targets = tokens[:, 1:].clone()
    place = torch.arange(2, tokens.shape[1] + 1)
    targets[(place < k[:, None]) | (targets == pad)] = -100
    return tokens[:, :-1], targets
