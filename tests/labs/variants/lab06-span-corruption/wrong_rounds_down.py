"""Noise and spans are rounded down."""


def noise_counts(length, rate, mean_span):
    if length < 2:
        raise ValueError("too short")
    noise = min(max(int(length * rate), 1), length - 1)
    return noise, min(max(int(noise / mean_span), 1), length - noise)
