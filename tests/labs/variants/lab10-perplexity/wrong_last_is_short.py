"""The last window keeps its place, and does not read as far back as fits."""


def windows(n, context, stride):
    if not 1 <= stride <= context:
        raise ValueError("stride")
    found, first = [], 0
    for start in range(0, n, stride):
        end = min(start + context, n)
        found.append((start, first, end))
        first = end
        if end == n:
            break
    return found
