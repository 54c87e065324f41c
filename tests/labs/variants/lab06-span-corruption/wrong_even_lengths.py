"""All segments are as equally long as they can be; nothing is random."""


def segment_lengths(items, parts, generator):
    if items < parts:
        raise ValueError("too few items")
    return [items // parts + (i < items % parts) for i in range(parts)]
