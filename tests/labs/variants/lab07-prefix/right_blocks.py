"""A causal mask per row, with the prefix's columns or its square filled in."""

import torch


def prefix_mask(k, length):
    if k.min() < 0 or k.max() > length:
        raise ValueError("no such prefix")
    mask = torch.ones(len(k), length, length, dtype=torch.bool).tril()
    for b in range(len(k)):
        mask[b, : k[b], : k[b]] = True
    return mask


def prefix_targets(tokens, k, pad):
    shifted = tokens.roll(-1, 1)[:, :-1]
    kept = torch.ones_like(shifted, dtype=torch.bool)
    for b, n in enumerate(k.tolist()):
        kept[b, : max(0, n - 1)] = False
    kept &= shifted.ne(pad)
    return tokens[:, :-1].clone(), torch.where(kept, shifted, -100)


def scored_share(tokens, k, pad):
    ones = torch.zeros_like(k)
    possible = prefix_targets(tokens, ones, pad)[1].ne(-100).sum().item()
    if possible == 0:
        raise ValueError("nothing to score")
    return prefix_targets(tokens, k, pad)[1].ne(-100).sum().item() / possible
