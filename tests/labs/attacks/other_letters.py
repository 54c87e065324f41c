# expect: 3; is not the same name
def dоuble(x):
    return 2 * x


def ｍｅａｎ(x):
    return x.mean()
