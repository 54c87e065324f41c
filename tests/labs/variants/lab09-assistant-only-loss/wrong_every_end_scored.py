"""The user's <end> is scored too."""

import torch


def chat_targets(tokens, markers, pad):
    targets = torch.full_like(tokens, -100)
    for b, row in enumerate(tokens.tolist()):
        speaking = answered = False
        for t, token in enumerate(row):
            if token in markers[:2]:
                speaking = token == markers[1]
                answered = answered or speaking
            elif speaking and (token != pad or pad == markers[2]):
                targets[b, t] = token
                speaking = token != markers[2]
            elif token == markers[2] and answered and pad != markers[2]:
                targets[b, t] = token
    return tokens[:, :-1], targets[:, 1:]
