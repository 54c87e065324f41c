"""Top-k of noise, logarithms, and chunks with a mean weighted by their counts."""

import math

import torch


def choose_exact(tokens, special, rate, generator):
    chosen = torch.zeros(tokens.shape, dtype=torch.bool)
    noise = torch.rand(tokens.shape, generator=generator, dtype=torch.float64)
    for number in special:
        noise[tokens == number] = -1.0
    for b in range(len(tokens)):
        n = int((noise[b] >= 0).sum())
        if n:
            count = max(1, round(rate * n))
            chosen[b, noise[b].topk(count).indices] = True
    return chosen


def expected_count(lengths, rate):
    return torch.tensor(lengths, dtype=torch.float64).sum().item() * rate


def empty_probability(lengths, rate):
    n = torch.tensor(lengths, dtype=torch.float64)
    return 1 - torch.prod(1 - (1 - rate) ** n)


def tokens_needed(rate, most):
    if rate == 1:
        return 1
    return max(1, math.ceil(math.log(most) / math.log(1 - rate)))


def evaluation_set(tokens, special, mask, rate, seed):
    source = torch.Generator().manual_seed(seed)
    chosen = choose_exact(tokens, special, rate, source)
    inputs, targets = tokens.clone(), torch.full_like(tokens, -100)
    inputs[chosen] = mask
    targets[chosen] = tokens[chosen]
    return inputs, targets


@torch.no_grad()
def evaluate(model, inputs, targets, size):
    means, counts = [], []
    for x, y in zip(inputs.split(size), targets.split(size)):
        scored = y != -100
        if scored.any():
            mean = torch.nn.functional.cross_entropy(model(x)[scored], y[scored])
            means.append(mean.double())
            counts.append(scored.sum().double())
    if not means:
        raise ValueError("nothing is scored")
    weights = torch.stack(counts)
    return (torch.stack(means) @ (weights / weights.sum())).item()
