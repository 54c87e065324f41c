"""Every token with the padding's id is taken for padding."""

import torch


def chat_targets(tokens, markers, pad):
    targets = torch.full_like(tokens, -100)
    for b, row in enumerate(tokens.tolist()):
        speaking = False
        for t, token in enumerate(row):
            if token in markers[:2]:
                speaking = token == markers[1]
            elif speaking and token != pad:
                targets[b, t] = token
                speaking = token != markers[2]
    return tokens[:, :-1], targets[:, 1:]
