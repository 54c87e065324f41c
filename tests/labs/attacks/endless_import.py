# expect: 3; left out
import time

import torch


class Forever:
    while True:
        time.sleep(1)


def mean(x):
    return x.mean()
