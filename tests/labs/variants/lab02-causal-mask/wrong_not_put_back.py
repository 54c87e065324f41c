"""Tokens are exchanged in the caller's tensor and stay so."""

import torch


def influence(model, tokens, vocab_size):
    before, columns = model(tokens), []
    for place in range(tokens.shape[1]):
        tokens[:, place] = (tokens[:, place] + 1) % vocab_size
        columns.append(((model(tokens) - before).abs() > 1e-5).any(-1))
    return torch.stack(columns, -1)
