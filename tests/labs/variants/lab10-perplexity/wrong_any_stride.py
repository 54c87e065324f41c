"""A stride beyond the context is not refused, and leaves losses out."""


def windows(n, context, stride):
    if stride < 1:
        raise ValueError("stride")
    found, first = [], 0
    while first < n:
        end = min(first + (stride if first else context), n)
        found.append((max(end - context, 0), first, end))
        first = end
    return found
