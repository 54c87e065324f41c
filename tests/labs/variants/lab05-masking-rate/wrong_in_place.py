"""The caller's tokens become the inputs."""

import torch


def evaluation_set(tokens, special, mask, rate, seed):
    chosen = choose_exact(tokens, special, rate, torch.Generator().manual_seed(seed))
    targets = tokens.masked_fill(~chosen, -100)
    tokens[chosen] = mask
    return tokens, targets
