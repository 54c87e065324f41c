# expect: 0; memory|alloc|ended
import torch


def double(x):
    kept = []
    while True:
        kept.append(torch.ones(10_000_000))


def mean(x):
    return bytearray(1 << 40)
