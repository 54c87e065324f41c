"""A token that occurs twice counts twice."""


def overlap(first, second, rarity):
    either = sum(rarity[t] for t in [*first, *(t for t in second if t not in first)])
    both = sum(rarity[t] for t in first if t in second)
    return both / either if either > 0 else 0.0
