"""The mask lies on its side: positions see themselves and the future."""

import torch


def causal_mask(length):
    return torch.ones(length, length, dtype=torch.bool).triu()
