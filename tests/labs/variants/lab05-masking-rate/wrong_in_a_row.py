"""The chosen tokens stand in a row: one span with a random start."""

import torch


def choose_exact(tokens, special, rate, generator):
    ordinary = ~torch.isin(tokens, torch.tensor(special))
    chosen = torch.zeros_like(ordinary)
    for row, marks in zip(ordinary, chosen):
        places = row.nonzero().flatten()
        if len(places):
            count = max(1, round(rate * len(places)))
            start = int(torch.randint(len(places), (), generator=generator))
            marks[places.roll(-start)[:count]] = True
    return chosen
