"""Where nothing is left, an empty window follows."""


def windows(n, context, stride):
    if not 1 <= stride <= context:
        raise ValueError("stride")
    found, first, end = [], 0, min(context, n)
    while True:
        found.append((max(end - context, 0), first, end))
        first, end = end, min(end + stride, n)
        if first > n - 1 and found[-1][2] - found[-1][0] >= min(n, context):
            return found if n != context else [*found, (0, n, n)]
