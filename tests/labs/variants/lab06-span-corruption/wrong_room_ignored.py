"""A room that is too small for any document gets an answer anyway."""


def longest_document(room, rate, mean_span):
    length = 2
    while pair_lengths(length + 1, rate, mean_span)[0] <= room:
        length += 1
    return length
