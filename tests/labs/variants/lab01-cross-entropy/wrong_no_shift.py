"""Each position predicts the token that it reads."""

def shift(tokens, pad):
    targets = tokens[:, :-1].clone()
    targets[targets == pad] = -100
    return tokens[:, :-1], targets
