"""Targets are a view of the rows, and the rows lose their padding."""


def causal_example(rows, pad):
    targets = rows[:, 1:]
    inputs = rows[:, :-1].clone()
    targets[targets == pad] = -100
    return inputs, targets
