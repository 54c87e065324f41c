"""<assistant> is scored where a turn of the user has come before it."""

import torch


def chat_targets(tokens, markers, pad):
    targets = torch.full_like(tokens, -100)
    for b, row in enumerate(tokens.tolist()):
        speaking, answers = False, 0
        for t, token in enumerate(row):
            if token in markers[:2]:
                speaking = token == markers[1]
                answers += speaking
                if speaking and answers > 1:
                    targets[b, t] = token
            elif speaking and (token != pad or pad == markers[2]):
                targets[b, t] = token
                speaking = token != markers[2]
    return tokens[:, :-1], targets[:, 1:]
