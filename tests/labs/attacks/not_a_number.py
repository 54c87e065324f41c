# expect: 0; .
def double(x):
    return x * float("nan")


def mean(x):
    return float("nan")
