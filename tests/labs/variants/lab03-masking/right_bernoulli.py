"""Bernoulli draws and indexing, as in common data collators."""

import torch
from torch import nn


def choose(tokens, special, rate, generator):
    probability = torch.full(tokens.shape, rate, dtype=torch.double)
    for number in special:
        probability.masked_fill_(tokens == number, 0.0)
    if probability.sum() == 0:
        raise ValueError("nothing to choose")
    chosen = torch.bernoulli(probability, generator=generator).bool()
    if not chosen.any():
        place = torch.multinomial(probability.flatten(), 1, generator=generator)
        chosen.view(-1)[place] = True
    return chosen


def corrupt(tokens, chosen, mask, first_ordinary, vocab_size, split, generator):
    inputs = tokens.clone()
    shares = torch.tensor(split).double().expand(tokens.numel(), 3)
    fate = torch.multinomial(shares, 1, generator=generator).view_as(tokens)
    inputs[chosen & (fate == 0)] = mask
    random = chosen & (fate == 1)
    count = int(random.sum())
    inputs[random] = torch.randint(
        first_ordinary, vocab_size, (count,), generator=generator
    )
    return inputs


def targets_of(tokens, chosen):
    targets = tokens.clone()
    targets[~chosen] = -100
    return targets


def masked_loss(logits, targets):
    return nn.CrossEntropyLoss()(logits.view(-1, logits.size(-1)), targets.view(-1))
