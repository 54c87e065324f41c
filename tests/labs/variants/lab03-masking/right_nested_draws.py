"""Two draws: masked or not, then random or kept; einsum for the loss."""

import torch

IGNORE = -100


def choose(tokens, special, rate, generator):
    ordinary = torch.ones_like(tokens, dtype=torch.bool)
    for number in special:
        ordinary &= tokens != number
    if not ordinary.any():
        raise ValueError("nothing to choose")
    chosen = torch.zeros_like(ordinary)
    draws = torch.rand(tokens.shape, generator=generator, dtype=torch.float64)
    chosen[ordinary] = draws[ordinary] < rate
    if not chosen.any():
        first = ordinary.nonzero()[0]
        chosen[tuple(first)] = True
    return chosen


def corrupt(tokens, chosen, mask, first_ordinary, vocab_size, split, generator):
    def coin(share):
        draw = torch.rand(tokens.shape, generator=generator)
        return draw < share

    to_mask = chosen & coin(split[0])
    rest = split[1] + split[2]
    to_random = chosen & ~to_mask & coin(split[1] / rest if rest else 0.0)
    span = torch.arange(first_ordinary, vocab_size)
    picks = span[torch.randint(len(span), tokens.shape, generator=generator)]
    inputs = tokens + 0
    inputs = torch.where(to_mask, torch.full_like(tokens, mask), inputs)
    return torch.where(to_random, picks, inputs)


def targets_of(tokens, chosen):
    return torch.where(chosen, tokens, torch.tensor(IGNORE))


def masked_loss(logits, targets):
    weight = (targets != IGNORE).to(logits.dtype)
    onehot = torch.nn.functional.one_hot(targets.clamp(min=0), logits.shape[-1])
    log_p = torch.log_softmax(logits, -1)
    total = torch.einsum("btv,btv,bt->", log_p, onehot.to(logits.dtype), weight)
    return -total / weight.sum()
