"""Every chosen token becomes <mask>, up to a fifth that stays."""

import torch


def corrupt(tokens, chosen, mask, first_ordinary, vocab_size, split, generator):
    lot = torch.rand(tokens.shape, generator=generator)
    return torch.where(chosen & (lot < split[0]), mask, tokens)
