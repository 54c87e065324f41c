"""Enumeration of all cuts, recursion, and slices."""

import itertools
import math

import torch


def segment_lengths(items, parts, generator):
    if parts > items:
        raise ValueError("too few items")
    if parts == 1:
        return (items,)
    total = math.comb(items - 1, parts - 1)
    lot = int(torch.randint(total, (), generator=generator))
    for first in range(1, items - parts + 2):
        count = math.comb(items - first - 1, parts - 2)
        if lot < count:
            return (first, *segment_lengths(items - first, parts - 1, generator))
        lot -= count


def noise_counts(length, rate, mean_span):
    if length <= 1:
        raise ValueError("too short")
    noise = sorted([1, round(length * rate), length - 1])[1]
    most = length - noise
    spans = round(noise / mean_span)
    return [noise, 1 if spans < 1 else most if spans > most else spans]


def cut_out(tokens, noise, sentinels):
    groups = [
        (hidden, [token for token, _ in group])
        for hidden, group in itertools.groupby(zip(tokens, noise), key=lambda x: x[1])
    ]
    spans = [words for hidden, words in groups if hidden]
    if len(spans) >= len(sentinels):
        raise ValueError("too few sentinels")
    names = iter(sentinels)
    source = [
        token
        for hidden, words in groups
        for token in ([next(names)] if hidden else words)
    ]
    answer = [t for name, words in zip(sentinels, spans) for t in (name, *words)]
    return source, answer + [sentinels[len(spans)]]


def restore(source, answer, sentinels):
    number = sum(token in sentinels for token in source)
    if number + 1 > len(sentinels) or not answer:
        raise ValueError("too few")
    places = [i for i, token in enumerate(answer) if token in sentinels]
    if [answer[i] for i in places] != list(sentinels[: number + 1]):
        raise ValueError("other sentinels")
    if places[0] != 0 or places[-1] != len(answer) - 1:
        raise ValueError("tokens outside of the spans")
    rest, found = list(source), []
    for k in range(number):
        if sentinels[k] not in rest:
            raise ValueError("a sentinel is not in the source")
        here = rest.index(sentinels[k])
        found += rest[:here] + list(answer[places[k] + 1 : places[k + 1]])
        rest = rest[here + 1 :]
    return found + rest


def pair_lengths(length, rate, mean_span):
    noise, spans = noise_counts(length, rate, mean_span)
    answer = noise + spans + 1
    return [length + 2 * spans + 1 - answer, answer]


def longest_document(room, rate, mean_span):
    if room < 2:
        raise ValueError("nothing fits")
    most = 2 + int(room / (1 - rate)) * 2
    sizes = [pair_lengths(n, rate, mean_span)[0] for n in range(2, most + 3)]
    return 2 + max(i for i, size in enumerate(sizes) if size <= room)
