"""The whole document may become noise, and spans may outnumber what is between them."""


def noise_counts(length, rate, mean_span):
    if length < 2:
        raise ValueError("too short")
    noise = max(round(length * rate), 1)
    return noise, max(round(noise / mean_span), 1)
