"""The mean of the batches' means."""


def token_mean(means, counts):
    if counts.sum() == 0:
        raise ValueError("nothing was scored")
    return means[counts > 0].mean()
