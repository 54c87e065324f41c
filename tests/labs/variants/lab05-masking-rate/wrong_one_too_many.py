"""Strictly below the limit; and never less than two tokens."""


def tokens_needed(rate, most):
    n = 2
    while (1 - rate) ** n >= most:
        n += 1
    return n
