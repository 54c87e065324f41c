"""The loss position by position, in float64; the tables cell by cell."""

import torch


def pair_inputs(pairs, doc, pad, longest):
    cut = [(a[::-1][:longest][::-1], b[:longest]) for a, b, _ in pairs]
    width = 3 + max(len(a) + len(b) for a, b in cut)
    tokens = torch.full((len(pairs), width), pad, dtype=torch.long)
    segments = torch.zeros(len(pairs), width, dtype=torch.long)
    for i, (a, b) in enumerate(cut):
        middle, last = len(a) + 1, len(a) + len(b) + 2
        tokens[i, 0] = tokens[i, middle] = tokens[i, last] = doc
        for t, token in enumerate(a):
            tokens[i, 1 + t] = token
        for t, token in enumerate(b):
            tokens[i, middle + 1 + t] = token
        segments[i, middle + 1 : last + 1] = 1
    return tokens, segments, torch.tensor([int(pair[2]) for pair in pairs])


def pair_objective(
    token_logits, targets, pair_logits, labels, masked, pairs, weight=1.0
):
    loss = token_logits.double().sum() * 0 + pair_logits.double().sum() * 0
    for p in range(len(labels)):
        for t in range(targets.shape[1]):
            if targets[p, t] != -100:
                z = token_logits[p, t].double()
                loss = loss + (torch.logsumexp(z, 0) - z[targets[p, t]]) / masked
        if labels[p] != -100:
            z = pair_logits[p].double()
            loss = loss + weight * (torch.logsumexp(z, 0) - z[labels[p]]) / pairs
    return loss.float()


def overlap(first, second, rarity):
    both = either = 0.0
    for token, weight in enumerate(rarity):
        if token in first and token in second:
            both += weight
        if token in first or token in second:
            either += weight
    return 0.0 if either == 0 else both / either


def fit_threshold(scores, labels):
    best, most = None, -1
    for h in sorted(scores.tolist()) + [float("inf")]:
        right = 0
        for score, label in zip(scores.tolist(), labels.tolist(), strict=True):
            right += (0 if score >= h else 1) == label
        if right > most:
            best, most = h, right
    return best
