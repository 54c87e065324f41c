"""Every token is scored, also those in plain view."""

import torch


def masked_example(rows, chosen, mask, special):
    read = rows[:, :-1]
    hidden = chosen & ~torch.isin(read, torch.tensor(special))
    if not hidden.any():
        raise ValueError("nothing is hidden")
    return read.masked_fill(hidden, mask), read.clone()
