"""One-hot vectors and einsum, in double precision."""

import torch

IGNORE = -100


def token_losses(logits, targets):
    wide = logits.double()
    onehot = torch.nn.functional.one_hot(targets.clamp(min=0), logits.shape[-1])
    onehot = onehot.double() * (targets != IGNORE).unsqueeze(-1)
    log_p = wide - wide.logsumexp(-1, keepdim=True)
    return -torch.einsum("...v,...v->...", log_p, onehot).to(logits.dtype)


def shift(tokens, pad):
    size = tokens.shape[1] - 1
    targets = tokens.narrow(1, 1, size)
    return tokens.narrow(1, 0, size), torch.where(targets == pad, IGNORE, targets)


class Mean:
    def __init__(self):
        self.total, self.count = 0.0, 0

    def add(self, logits, targets):
        self.total = self.total + token_losses(logits, targets).sum()
        self.count += int((targets != IGNORE).sum())


def mean_loss(pieces):
    mean = Mean()
    for piece in pieces:
        mean.add(*piece)
    if mean.count == 0:
        raise ValueError
    return mean.total / mean.count
