"""Draws until they fit, a mask written in place, and text as a workshop."""

import torch


def segment_lengths(items, parts, generator):
    if items < parts:
        raise ValueError("too few items")
    cuts = torch.ones(items, dtype=torch.double)
    cuts[0] = 0
    chosen = [0]
    if parts > 1:
        drawn = torch.multinomial(cuts, parts - 1, generator=generator)
        chosen += drawn.sort().values.tolist()
    return torch.tensor([*chosen, items]).diff().tolist()


def noise_mask(length, rate, mean_span, generator):
    noise, spans = noise_counts(length, rate, mean_span)
    while True:  # noise tokens anywhere, until the spans are as many as wanted
        if spans > 3 or length > 12:
            break
        order = torch.randperm(length, generator=generator)
        mask = torch.zeros(length, dtype=torch.bool)
        mask[order[:noise]] = True
        starts = int(mask[0]) + int((mask[1:] & ~mask[:-1]).sum())
        if starts == spans and not mask[0] and mask[-1]:
            return mask.tolist()
    mask, start = [False] * length, 0
    hidden = segment_lengths(noise, spans, generator)
    for n, m in zip(segment_lengths(length - noise, spans, generator), hidden):
        start += n
        mask[start : start + m] = [True] * m
        start += m
    return mask


def restore(source, answer, sentinels):
    spans, name = {}, None
    for token in answer:
        if token in sentinels:
            if token in spans:
                raise ValueError("twice")
            name = token
            spans[name] = []
        elif name is None:
            raise ValueError("a token before the first sentinel")
        else:
            spans[name].append(token)
    holes = [token for token in source if token in sentinels]
    if [*holes] != list(sentinels)[: len(holes)]:
        raise ValueError("the source's sentinels")
    if list(spans) != list(sentinels)[: len(holes) + 1] or len(spans) != len(holes) + 1:
        raise ValueError("the answer's sentinels")
    if spans[sentinels[len(holes)]]:
        raise ValueError("tokens after the end")
    return [t for token in source for t in spans.get(token, (token,))]


def pair_lengths(length, rate, mean_span):
    mask = noise_mask(length, rate, mean_span, torch.Generator())
    tokens = list(range(length))
    names = list(range(length, 2 * length + 2))
    return tuple(len(part) for part in cut_out(tokens, mask, names))
