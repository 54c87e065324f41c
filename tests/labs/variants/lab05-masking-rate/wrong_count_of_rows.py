"""A rounded share of each row instead of an expectation."""


def expected_count(lengths, rate):
    return sum(max(1, int(n * rate + 0.5)) for n in lengths)
