"""The random share is taken of what is left over: 2 % instead of 10 %."""

import torch


def corrupt(tokens, chosen, mask, first_ordinary, vocab_size, split, generator):
    to_mask = chosen & (torch.rand(tokens.shape, generator=generator) < split[0])
    left = chosen & ~to_mask
    to_random = left & (torch.rand(tokens.shape, generator=generator) < split[1])
    picks = torch.randint(first_ordinary, vocab_size, tokens.shape, generator=generator)
    return torch.where(to_random, picks, torch.where(to_mask, mask, tokens))
