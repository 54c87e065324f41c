# expect: 3; time limit
def double(x):
    return 2 * x


def mean(x):
    while True:
        pass
