"""BERT's shares whatever was asked for."""

import torch


def corrupt(tokens, chosen, mask, first_ordinary, vocab_size, split, generator):
    lot = torch.rand(tokens.shape, generator=generator)
    picks = torch.randint(first_ordinary, vocab_size, tokens.shape, generator=generator)
    inputs = torch.where(chosen & (lot < 0.8), mask, tokens)
    return torch.where(chosen & (lot >= 0.8) & (lot < 0.9), picks, inputs)
