"""Counts instead of a list of candidates; padding by the library; NumPy's sorting."""

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence


def nsp_pairs(documents, generator):
    pool = [(i, tuple(s)) for i, d in enumerate(documents) for s in d[1:]]
    pairs = []
    for i, text in enumerate(documents):
        for j in range(len(text) - 1):
            after = tuple(text[j + 1])
            if torch.randint(2, (), generator=generator) == 1:
                pairs.append((text[j], text[j + 1], 0))
            elif all(k == i or s == after for k, s in pool):
                raise ValueError("nothing to draw")
            else:
                k, s = i, after
                while k == i or s == after:  # until a draw is allowed
                    k, s = pool[torch.randint(len(pool), (), generator=generator)]
                pairs.append([text[j], list(s), 1])
    return pairs


def sop_pairs(documents, generator):
    neighbors = [
        (d[i], d[i + 1])
        for d in documents
        for i in range(len(d) - 1)
        if d[i] != d[i + 1]
    ]
    coins = torch.rand(len(neighbors), generator=generator) < 0.5
    return [
        (two, one, 1) if swap else (one, two, 0)
        for (one, two), swap in zip(neighbors, coins, strict=True)
    ]


def pair_inputs(pairs, doc, pad, longest):
    rows, numbers, labels = [], [], []
    for a, b, label in pairs:
        a, b = a[max(0, len(a) - longest) :], b[:longest]
        rows.append(torch.tensor([doc] + a + [doc] + b + [doc]))
        number = torch.zeros(len(rows[-1]), dtype=torch.long)
        number[len(a) + 2 :] = 1
        numbers.append(number)
        labels.append(label)
    tokens = pad_sequence(rows, batch_first=True, padding_value=pad)
    return tokens, pad_sequence(numbers, batch_first=True), torch.tensor(labels)


def fit_threshold(scores, labels):
    candidates = np.append(np.unique(scores.numpy()), np.inf)
    says = scores.numpy()[None] < candidates[:, None]
    right = (says == labels.numpy()[None].astype(bool)).sum(1)
    return float(candidates[right.argmax()])
