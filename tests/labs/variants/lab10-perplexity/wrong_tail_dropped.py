"""What does not fill a last stride is left out."""


def windows(n, context, stride):
    if not 1 <= stride <= context:
        raise ValueError("stride")
    if n <= context:
        return [(0, 0, n)] if n else []
    found = [(0, 0, context)]
    for end in range(context + stride, n + 1, stride):
        found.append((end - context, end - stride, end))
    return found
