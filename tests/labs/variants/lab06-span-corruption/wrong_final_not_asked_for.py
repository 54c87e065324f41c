"""It is not checked that the answer ends with its final sentinel."""


def restore(source, answer, sentinels):
    asked = [token for token in source if token in sentinels]
    given = [token for token in answer if token in sentinels]
    if not given or given[: len(asked)] != asked or answer[0] != given[0]:
        raise ValueError("does not fit")
    spans, current = {}, None
    for token in answer:
        if token in sentinels:
            current = spans.setdefault(token, [])
        else:
            current.append(token)
    return [t for token in source for t in spans.get(token, [token])]
