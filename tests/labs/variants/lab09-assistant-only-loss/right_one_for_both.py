"""Rows of one conversation are packed rows of one document."""

import torch

IGNORE = -100


def packed_targets(tokens, documents, markers):
    user, assistant, end = markers
    speaking = torch.zeros(len(tokens), dtype=torch.bool)
    columns = []
    for t in range(tokens.shape[1]):
        token = tokens[:, t]
        if t:
            speaking = speaking & (documents[:, t] == documents[:, t - 1])
        speaking = speaking & (documents[:, t] != -1) & (token != user)
        said = speaking & (token != assistant)
        columns.append(torch.where(said, token, IGNORE))
        speaking = (speaking & (token != end)) | (token == assistant)
    return torch.stack(columns[1:], dim=1)


def chat_targets(tokens, markers, pad):
    documents = torch.zeros_like(tokens)
    if pad != markers[2]:
        documents[tokens == pad] = -1
    return tokens[:, :-1], packed_targets(tokens, documents, markers)


def scored_share(targets, documents):
    text = documents[:, 1:] >= 0
    if not text.any():
        raise ValueError("nothing but padding")
    return float((targets != IGNORE).double().sum() / text.double().sum())
