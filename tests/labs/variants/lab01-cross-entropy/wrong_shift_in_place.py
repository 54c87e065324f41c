"""The caller's tokens are overwritten."""

def shift(tokens, pad):
    inputs = tokens[:, :-1].clone()
    targets = tokens[:, 1:]
    targets[targets == pad] = -100
    return inputs, targets
