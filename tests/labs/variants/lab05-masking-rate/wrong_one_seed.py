"""The seed is not used."""

import torch


def evaluation_set(tokens, special, mask, rate, seed):
    chosen = choose_exact(tokens, special, rate, torch.Generator())
    return tokens.masked_fill(chosen, mask), tokens.masked_fill(~chosen, -100)
