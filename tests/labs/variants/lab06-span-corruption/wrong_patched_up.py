"""An answer that does not fit is put in as well as can be."""


def restore(source, answer, sentinels):
    spans, current = {}, []
    for token in answer:
        if token in sentinels:
            current = spans.setdefault(token, [])
        else:
            current.append(token)
    return [t for token in source for t in spans.get(token, [token])]
