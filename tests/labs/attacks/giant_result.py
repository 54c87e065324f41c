# expect: 0; cannot be passed|too large|memory|alloc
import torch


def double(x):
    return torch.zeros(40_000_000)


def mean(x):
    return ["a" * 1000] * 100_000
