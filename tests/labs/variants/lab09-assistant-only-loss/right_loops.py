"""State machines, one token after the other."""

import torch

IGNORE = -100


def render(turns, markers):
    ids = []
    for role, said in turns:
        if role == "user":
            ids.append(markers[0])
        elif role == "assistant":
            ids.append(markers[1])
        else:
            raise ValueError("a role is user or assistant")
        for token in said:
            if token in markers:
                raise ValueError("a marker is said")
            ids.append(token)
        ids.append(markers[2])
    return ids


def prompt(turns, markers):
    ids = render(turns, markers)
    ids.append(markers[1])
    return ids


def packed_targets(tokens, documents, markers):
    user, assistant, end = markers
    found = []
    for row, numbers in zip(tokens.tolist(), documents.tolist()):
        speaking, before, targets = False, None, []
        for token, number in zip(row, numbers):
            if number != before:
                speaking, before = False, number
            target = IGNORE
            if token == assistant:
                speaking = True
            elif token == user:
                speaking = False
            elif speaking and number != -1:
                target = token
                speaking = token != end
            targets.append(target)
        found.append(targets[1:])
    return torch.tensor(found)


def chat_loss(logits, targets):
    losses = [
        torch.logsumexp(logits[b, t], 0) - logits[b, t, targets[b, t]]
        for b, t in (targets != IGNORE).nonzero().tolist()
    ]
    if not losses:
        raise ValueError("nothing is scored")
    return sum(losses) / len(losses)
