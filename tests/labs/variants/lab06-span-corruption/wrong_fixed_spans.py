"""Only the gaps are random: all spans have the mean length."""


def noise_mask(length, rate, mean_span, generator):
    noise, spans = noise_counts(length, rate, mean_span)
    hidden = [noise // spans + (i < noise % spans) for i in range(spans)]
    shown = segment_lengths(length - noise, spans, generator)
    marks = []
    for n, m in zip(shown, hidden):
        marks += [False] * n + [True] * m
    return marks
