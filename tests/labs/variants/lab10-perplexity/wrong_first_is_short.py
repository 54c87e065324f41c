"""The first window scores a stride, like all others."""


def windows(n, context, stride):
    if not 1 <= stride <= context:
        raise ValueError("stride")
    ends = [min(end, n) for end in range(stride, n + stride, stride)]
    return [
        (max(0, end - context), place * stride, end) for place, end in enumerate(ends)
    ]
