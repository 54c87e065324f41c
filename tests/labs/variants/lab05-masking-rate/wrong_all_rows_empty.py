"""The probability that all rows are empty, not that one of them is."""


def empty_probability(lengths, rate):
    return (1 - rate) ** sum(lengths)
