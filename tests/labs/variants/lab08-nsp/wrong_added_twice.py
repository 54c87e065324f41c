"""Divided by the rarity of both sentences added up: shared words count twice."""


def overlap(first, second, rarity):
    first, second = set(first), set(second)
    total = sum(rarity[t] for t in first) + sum(rarity[t] for t in second)
    both = sum(rarity[t] for t in first & second)
    return 2 * both / total if total > 0 else 0.0
