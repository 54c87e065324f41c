"""The last token of the vocabulary is exchanged for one that does not exist."""

import torch


def influence(model, tokens, vocab_size):
    before, columns = model(tokens), []
    for place in range(tokens.shape[1]):
        other = tokens.clone()
        other[:, place] += 1
        columns.append(((model(other) - before).abs() > 1e-5).any(-1))
    return torch.stack(columns, -1)
