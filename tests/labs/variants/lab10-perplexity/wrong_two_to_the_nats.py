"""2 instead of e, as if the losses were bits."""


def perplexity(pieces):
    total = sum(float(x[s].double().sum()) for x, s in pieces)
    count = sum(int(s.sum()) for _, s in pieces)
    if count == 0:
        raise ValueError("no token is scored")
    return 2.0 ** (total / count)
