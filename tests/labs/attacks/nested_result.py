# expect: 0; nested|RecursionError|cannot
def double(x):
    result = []
    for _ in range(100_000):
        result = [result]
    return result


def mean(x):
    result = []
    result.append(result)
    return result
