"""What stands before a row's first marker is taken for an answer."""

import torch


def packed_targets(tokens, documents, markers):
    targets = torch.full_like(tokens, -100)
    for b, row in enumerate(tokens.tolist()):
        speaking = markers[2] in row[:3] and row[0] not in (markers[0], 9)
        before = int(documents[b, 0])
        for t, token in enumerate(row):
            if documents[b, t] != before:
                speaking, before = False, int(documents[b, t])
            if token in markers[:2]:
                speaking = token == markers[1]
            elif speaking and before != -1:
                targets[b, t] = token
                speaking = token != markers[2]
    return targets[:, 1:]
