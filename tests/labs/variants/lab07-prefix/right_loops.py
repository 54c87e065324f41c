"""One entry after the other."""

import torch


def prefix_mask(k, length):
    mask = torch.zeros(len(k), length, length, dtype=torch.bool)
    for b, n in enumerate(k.tolist()):
        if not 0 <= n <= length:
            raise ValueError("no such prefix")
        for q in range(length):
            for j in range(length):
                mask[b, q, j] = j <= q or j < n
    return mask


def prefix_targets(tokens, k, pad):
    inputs, targets = [], []
    for row, n in zip(tokens.tolist(), k.tolist()):
        inputs.append(row[:-1])
        targets.append(
            [
                -100 if place < n or row[place] == pad else row[place]
                for place in range(1, len(row))
            ]
        )
    return torch.tensor(inputs), torch.tensor(targets)


def prefix_lengths(tokens, share, pad):
    if share < 0 or share >= 1:
        raise ValueError("no such share")
    counts = [sum(token != pad for token in row) for row in tokens.tolist()]
    return torch.tensor([int(share * n + 1e-6) for n in counts])


def scored_share(tokens, k, pad):
    scored = possible = 0
    for row, n in zip(tokens.tolist(), k.tolist()):
        for place in range(1, len(row)):
            if row[place] != pad:
                possible += 1
                scored += place >= n
    if not possible:
        raise ValueError("nothing to score")
    return scored / possible
