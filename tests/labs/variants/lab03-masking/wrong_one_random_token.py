"""One random token is drawn for all places."""

import torch


def corrupt(tokens, chosen, mask, first_ordinary, vocab_size, split, generator):
    lot = torch.rand(tokens.shape, generator=generator)
    pick = torch.randint(first_ordinary, vocab_size, (1,), generator=generator)
    inputs = torch.where(chosen & (lot < split[0]), mask, tokens)
    to_random = chosen & (lot >= split[0]) & (lot < split[0] + split[1])
    return torch.where(to_random, pick, inputs)
