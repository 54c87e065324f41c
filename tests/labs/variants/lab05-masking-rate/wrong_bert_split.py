"""A tenth of the scored tokens stays visible in the evaluation."""

import torch


def evaluation_set(tokens, special, mask, rate, seed):
    generator = torch.Generator().manual_seed(seed)
    chosen = choose_exact(tokens, special, rate, generator)
    kept = torch.rand(tokens.shape, generator=generator) < 0.1
    inputs = tokens.masked_fill(chosen & ~kept, mask)
    return inputs, tokens.masked_fill(~chosen, -100)
