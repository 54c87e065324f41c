"""Draws without replacement; all logits at once in the end; one row at a time."""

import torch


def choose_exact(tokens, special, rate, generator):
    ordinary = torch.ones(tokens.shape)
    for number in special:
        ordinary *= tokens != number
    chosen = torch.zeros(tokens.shape, dtype=torch.bool)
    for marks, weights in zip(chosen, ordinary):
        n = int(weights.sum())
        if n > 0:
            count = max(round(rate * n), 1)
            marks[torch.multinomial(weights, count, False, generator=generator)] = True
    return chosen


def empty_probability(lengths, rate):
    seen = 0.0  # probability that a row so far was empty
    for n in lengths:
        seen += (1 - seen) * (1 - rate) ** n
    return seen


def evaluate(model, inputs, targets, size):
    with torch.inference_mode():
        rows = [model(inputs[[i]]) for i in range(len(inputs))]
        logits = torch.cat(rows).double()
    scored = (targets != -100).double()
    if scored.sum() == 0:
        raise ValueError("nothing is scored")
    picked = logits.gather(-1, targets.clamp(min=0)[..., None])[..., 0]
    losses = logits.logsumexp(-1) - picked
    return float((losses * scored).sum() / scored.sum())
