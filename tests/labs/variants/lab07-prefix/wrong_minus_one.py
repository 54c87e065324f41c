"""`targets[: k - 1]` with k = 0 reaches up to the last target."""


def prefix_targets(tokens, k, pad):
    targets = tokens[:, 1:].clone()
    targets[targets == pad] = -100
    for row, n in zip(targets, k.tolist()):
        row[: n - 1] = -100
    return tokens[:, :-1], targets
