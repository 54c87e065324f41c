"""Only the last answer of a row is scored."""

import torch


def chat_targets(tokens, markers, pad):
    targets = torch.full_like(tokens, -100)
    for b, row in enumerate(tokens.tolist()):
        if markers[1] not in row:
            continue
        start = len(row) - row[::-1].index(markers[1])
        for t in range(start, len(row)):
            if row[t] == markers[0] or (row[t] == pad and pad != markers[2]):
                break
            targets[b, t] = row[t]
            if row[t] == markers[2]:
                break
    return tokens[:, :-1], targets[:, 1:]
