"""Padding is predicted like text."""

def shift(tokens, pad):
    return tokens[:, :-1], tokens[:, 1:].clone()
