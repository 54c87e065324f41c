"""The caller's tokens are corrupted too."""

import torch


def corrupt(tokens, chosen, mask, first_ordinary, vocab_size, split, generator):
    lot = torch.rand(tokens.shape, generator=generator)
    picks = torch.randint(first_ordinary, vocab_size, tokens.shape, generator=generator)
    to_random = chosen & (lot >= split[0]) & (lot < split[0] + split[1])
    tokens[to_random] = picks[to_random]
    tokens[chosen & (lot < split[0])] = mask
    return tokens
