"""Row after row, with plain Python."""

import math

import torch


def choose_exact(tokens, special, rate, generator):
    rows = []
    for row in tokens.tolist():
        places = [t for t, token in enumerate(row) if token not in special]
        count = max(1, round(rate * len(places))) if places else 0
        order = torch.randperm(len(places), generator=generator).tolist()
        chosen = {places[i] for i in order[:count]}
        rows.append([t in chosen for t in range(len(row))])
    return torch.tensor(rows)


def expected_count(lengths, rate):
    return sum(n * rate for n in lengths)


def empty_probability(lengths, rate):
    full = 1.0
    for n in lengths:
        full *= 1 - math.pow(1 - rate, n)
    return 1 - full


def tokens_needed(rate, most):
    n, empty = 1, 1 - rate
    while empty > most:
        n, empty = n + 1, empty * (1 - rate)
    return n


def evaluation_set(tokens, special, mask, rate, seed):
    generator = torch.Generator()
    generator.manual_seed(seed)
    chosen = choose_exact(tokens, special, rate, generator).tolist()
    inputs, targets = [], []
    for row, marks in zip(tokens.tolist(), chosen):
        inputs.append([mask if m else token for token, m in zip(row, marks)])
        targets.append([token if m else -100 for token, m in zip(row, marks)])
    return torch.tensor(inputs), torch.tensor(targets)


def evaluate(model, inputs, targets, size):
    losses = []
    for start in range(0, len(inputs), size):
        logits = model(inputs[start : start + size]).detach()
        wanted = targets[start : start + size]
        for b, t in (wanted != -100).nonzero().tolist():
            losses.append(-torch.log_softmax(logits[b, t], 0)[wanted[b, t]].item())
    if not losses:
        raise ValueError("nothing is scored")
    return sum(losses) / len(losses)
