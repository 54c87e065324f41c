"""The last window is full and scores a whole stride, some of it for a second time."""


def windows(n, context, stride):
    if not 1 <= stride <= context:
        raise ValueError("stride")
    if n <= context:
        return [(0, 0, n)] if n else []
    found = [(0, 0, context)]
    while found[-1][2] < n:
        end = min(found[-1][2] + stride, n)
        found.append((end - context, end - stride, end))
    return found
