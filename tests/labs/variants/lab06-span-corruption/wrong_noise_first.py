"""Segments take turns, but noise comes first."""


def noise_mask(length, rate, mean_span, generator):
    noise, spans = noise_counts(length, rate, mean_span)
    hidden = segment_lengths(noise, spans, generator)
    shown = segment_lengths(length - noise, spans, generator)
    marks = []
    for n, m in zip(hidden, shown):
        marks += [True] * n + [False] * m
    return marks
