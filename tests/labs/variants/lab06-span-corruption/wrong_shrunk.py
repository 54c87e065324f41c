"""The source's sentinels are forgotten when a document is looked for."""


def longest_document(room, rate, mean_span):
    if room < 2:
        raise ValueError("nothing fits")
    length = 2
    while length + 1 - noise_counts(length + 1, rate, mean_span)[0] <= room:
        length += 1
    return length
