"""Every row is given the average length."""


def empty_probability(lengths, rate):
    average = sum(lengths) / len(lengths)
    return 1 - (1 - (1 - rate) ** average) ** len(lengths)
