"""Random tokens may be special ones."""

import torch


def corrupt(tokens, chosen, mask, first_ordinary, vocab_size, split, generator):
    lot = torch.rand(tokens.shape, generator=generator)
    picks = torch.randint(0, vocab_size, tokens.shape, generator=generator)
    inputs = torch.where(chosen & (lot < split[0]), mask, tokens)
    to_random = chosen & (lot >= split[0]) & (lot < split[0] + split[1])
    return torch.where(to_random, picks, inputs)
