"""The rows' probabilities are added: right for rare events only."""


def empty_probability(lengths, rate):
    return min(1.0, sum((1 - rate) ** n for n in lengths))
