"""A row is read as if it were one conversation."""

import torch


def packed_targets(tokens, documents, markers):
    targets = torch.full_like(tokens, -100)
    for b, row in enumerate(tokens.tolist()):
        speaking = False
        for t, token in enumerate(row):
            if token in markers[:2]:
                speaking = token == markers[1]
            elif speaking and documents[b, t] != -1:
                targets[b, t] = token
                speaking = token != markers[2]
    return targets[:, 1:]
