"""The masked twin, too, is asked for the next token."""


def masked_example(rows, chosen, mask, special):
    import torch

    read = rows[:, :-1]
    hidden = chosen & ~torch.isin(read, torch.tensor(special))
    if not hidden.any():
        raise ValueError("nothing is hidden")
    return read.masked_fill(hidden, mask), rows[:, 1:].masked_fill(~hidden, -100)
