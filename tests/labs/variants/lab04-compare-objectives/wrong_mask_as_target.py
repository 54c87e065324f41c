"""The tokens are hidden in place, so that the targets are `<mask>` as well."""

import torch


def masked_example(rows, chosen, mask, special):
    read = rows[:, :-1]
    hidden = chosen & ~torch.isin(read, torch.tensor(special))
    if not hidden.any():
        raise ValueError("nothing is hidden")
    read[hidden] = mask
    return read, torch.where(hidden, read, -100)
