# expect: 3; left out
import torch


class Forever:
    while True:
        pass


def mean(x):
    return x.mean()
