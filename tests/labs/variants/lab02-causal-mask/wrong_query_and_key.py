"""Query and key are exchanged in `influence`, and once more in `leaks`."""

import torch


def influence(model, tokens, vocab_size):
    before, found = model(tokens), []
    for place in range(tokens.shape[1]):
        other = tokens.clone()
        other[:, place] = (other[:, place] + 1) % vocab_size
        found.append(((model(other) - before).abs() > 1e-5).any(-1))
    return torch.stack(found, 1)


def leaks(model, tokens, vocab_size, mask):
    moved = influence(model, tokens, vocab_size)
    return bool((moved.transpose(1, 2) & ~mask).any())
