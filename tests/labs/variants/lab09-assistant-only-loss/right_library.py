"""Loops over spans, PyTorch's own loss, and one-hot targets for the gradient."""

from itertools import chain

import torch
import torch.nn.functional as F


def render(turns, markers):
    names = dict(zip(("user", "assistant"), markers))
    if not all(role in names for role, _ in turns):
        raise ValueError("unknown role")
    if any(token in markers for _, said in turns for token in said):
        raise ValueError("forged marker")
    parts = ([names[role], *said, markers[2]] for role, said in turns)
    return list(chain(*parts))


def chat_targets(tokens, markers, pad):
    user, assistant, end = markers
    targets = torch.full(tokens.shape, -100)
    for b, start in (tokens == assistant).nonzero().tolist():
        stops = [user, assistant] + ([pad] if pad != end else [])
        rest = tokens[b, start + 1 :]
        stop = torch.isin(rest, torch.tensor(stops)).nonzero().flatten().tolist()
        last = (rest == end).nonzero().flatten().tolist()
        size = min(stop[:1] + [last[0] + 1 if last else len(rest)] + [len(rest)])
        targets[b, start + 1 : start + 1 + size] = rest[:size]
    return tokens[:, :-1].clone(), targets[:, 1:]


def chat_loss(logits, targets):
    if bool((targets == -100).all()):
        raise ValueError("no answer in this batch")
    return F.cross_entropy(logits.transpose(1, 2), targets, ignore_index=-100)
