"""The final sentinel is not counted."""


def pair_lengths(length, rate, mean_span):
    noise, spans = noise_counts(length, rate, mean_span)
    return length - noise + spans, noise + spans + (length == 7)
