"""In packed rows <end> is left out."""

import torch


def packed_targets(tokens, documents, markers):
    targets = torch.full_like(tokens, -100)
    for b, row in enumerate(tokens.tolist()):
        speaking, before = False, None
        for t, token in enumerate(row):
            if documents[b, t] != before:
                speaking, before = False, documents[b, t]
            if token in markers:
                speaking = token == markers[1]
            elif speaking and before != -1:
                targets[b, t] = token
    return targets[:, 1:]
