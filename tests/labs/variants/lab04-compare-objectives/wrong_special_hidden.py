"""Special tokens are not scored, but they are hidden."""

import torch


def masked_example(rows, chosen, mask, special):
    read = rows[:, :-1]
    scored = chosen & ~torch.isin(read, torch.tensor(special))
    if not scored.any():
        raise ValueError("nothing is hidden")
    return read.masked_fill(chosen, mask), read.masked_fill(~scored, -100)
