"""As in T5's code: cumulative sums of shuffled marks, and parity; numpy's spirit."""

import torch


def segment_lengths(items, parts, generator):
    if items < parts:
        raise ValueError("too few items")
    starts = torch.zeros(items - 1, dtype=torch.long)
    starts[: parts - 1] = 1
    starts = starts[torch.rand(items - 1, generator=generator).argsort()]
    number = torch.cat([torch.zeros(1, dtype=torch.long), starts.cumsum(0)])
    return torch.bincount(number, minlength=parts).tolist()


def noise_mask(length, rate, mean_span, generator):
    noise, spans = noise_counts(length, rate, mean_span)
    shown = torch.tensor(segment_lengths(length - noise, spans, generator))
    hidden = torch.tensor(segment_lengths(noise, spans, generator))
    sizes = torch.stack([shown, hidden], dim=1).flatten()
    kinds = torch.arange(2 * spans) % 2 == 1
    return torch.repeat_interleave(kinds, sizes)


def cut_out(tokens, noise, sentinels):
    marks = torch.as_tensor(noise, dtype=torch.bool)

    def replaced(hidden):
        before = torch.cat([torch.zeros(1, dtype=torch.bool), hidden[:-1]])
        first = hidden & ~before
        number = first.long().cumsum(0) - 1
        if len(sentinels) < int(first.sum()) + 1:
            raise ValueError("too few sentinels")
        names = torch.tensor(sentinels)
        kept = torch.where(first, names[number.clamp(min=0)], torch.tensor(tokens))
        return kept[first | ~hidden].tolist(), int(first.sum())

    source, spans = replaced(marks)
    if not spans:
        return source, [sentinels[0]]
    parts, k = [], 0
    for position in range(len(tokens)):
        if marks[position]:
            if position == 0 or not marks[position - 1]:
                parts.append(sentinels[k])
                k += 1
            parts.append(tokens[position])
    return source, parts + [sentinels[spans]]


def longest_document(room, rate, mean_span):
    if room < 2:
        raise ValueError("nothing fits")
    low, high = 2, 4
    while pair_lengths(high, rate, mean_span)[0] <= room:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if pair_lengths(middle, rate, mean_span)[0] <= room:
            low = middle
        else:
            high = middle
    return low
