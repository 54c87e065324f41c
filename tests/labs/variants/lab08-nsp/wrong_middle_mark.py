"""The mark in the middle is counted to B."""

import torch


def pair_inputs(pairs, doc, pad, longest):
    rows, numbers = [], []
    for a, b, _ in pairs:
        a, b = a[-longest:], b[:longest]
        rows.append(torch.tensor([doc, *a, doc, *b, doc]))
        numbers.append(torch.tensor([0] * (len(a) + 1) + [1] * (len(b) + 2)))
    fill = torch.nn.utils.rnn.pad_sequence
    tokens = fill(rows, batch_first=True, padding_value=pad)
    segments = fill(numbers, batch_first=True, padding_value=0)
    return tokens, segments, torch.tensor([label for *_, label in pairs])
