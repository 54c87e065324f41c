"""A mean of nothing is said to be 0."""

import torch


def token_mean(means, counts):
    return (torch.nan_to_num(means) * counts).sum() / counts.sum().clamp(min=1)
