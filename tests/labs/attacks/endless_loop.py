# expect: 0; time limit
def double(x):
    while True:
        pass


def mean(x):
    while True:
        pass
