"""Causal targets at padding: the model learns to write padding."""


def causal_example(rows, pad):
    return rows[:, :-1], rows[:, 1:]
