"""NaN times 0 is NaN."""


def token_mean(means, counts):
    if counts.sum() == 0:
        raise ValueError("nothing was scored")
    return (means * counts).sum() / counts.sum()
