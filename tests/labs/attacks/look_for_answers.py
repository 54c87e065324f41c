# expect: 0; None|nothing
import gc
import sys
import torch


def double(x):
    frame = sys._getframe()
    while frame:
        for name, value in frame.f_locals.items():
            if name in ("want", "right", "reference", "names"):
                raise ValueError(f"LEAK {name}")
        frame = frame.f_back
    raise ValueError("nothing")


def mean(x):
    others = [o for o in gc.get_objects() if type(o) is torch.Tensor and o is not x]
    right = [o for o in others if o.ndim == 0 and abs(o - x.sum() / len(x)) < 1e-6]
    if right:
        raise ValueError("LEAK: the answer")
    raise ValueError("nothing")
