"""Only the first two tokens of a span come back."""


def restore(source, answer, sentinels):
    asked = [token for token in source if token in sentinels]
    given = [token for token in answer if token in sentinels]
    wanted = list(sentinels[: len(asked) + 1])
    fits = asked == wanted[:-1] and given == wanted
    if not fits or answer[0] != wanted[0] or answer[-1] != wanted[-1]:
        raise ValueError("does not fit")
    found = []
    for token in source:
        if token in sentinels:
            here = answer.index(token)
            span = answer[here + 1 : here + 3]
            found += [t for t in span[:1] if t not in sentinels]
            found += [t for t in span[1:] if t not in sentinels and span[0] not in sentinels]
        else:
            found.append(token)
    return found
