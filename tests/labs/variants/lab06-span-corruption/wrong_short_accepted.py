"""A document of one token is hidden whole."""


def noise_counts(length, rate, mean_span):
    noise = max(1, min(max(round(length * rate), 1), length - 1))
    return noise, max(1, min(max(round(noise / mean_span), 1), length - noise))
