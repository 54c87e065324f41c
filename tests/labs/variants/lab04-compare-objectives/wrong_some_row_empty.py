"""One row without a hidden token is an error, though the batch has some."""

import torch


def masked_example(rows, chosen, mask, special):
    read = rows[:, :-1]
    hidden = chosen & ~torch.isin(read, torch.tensor(special))
    if not hidden.any(1).all():
        raise ValueError("nothing is hidden")
    return read.masked_fill(hidden, mask), read.masked_fill(~hidden, -100)
