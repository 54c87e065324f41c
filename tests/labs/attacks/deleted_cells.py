# expect: 3; no function 'double'
import torch


def mean(x):
    return torch.mean(x)
