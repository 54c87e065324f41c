"""<end> is taken for a marker like the others."""

import torch


def chat_targets(tokens, markers, pad):
    targets = torch.full_like(tokens, -100)
    for b, row in enumerate(tokens.tolist()):
        speaking = False
        for t, token in enumerate(row):
            if token in markers:
                speaking = token == markers[1]
            elif speaking and token != pad:
                targets[b, t] = token
    return tokens[:, :-1], targets[:, 1:]
