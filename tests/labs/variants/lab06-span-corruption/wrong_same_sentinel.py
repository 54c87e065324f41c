"""All spans have the same sentinel, as if it were <mask>."""


def cut_out(tokens, noise, sentinels):
    source, answer, before, spans = [], [], False, 0
    for token, hidden in zip(tokens, noise):
        if hidden and not before:
            source.append(sentinels[0])
            answer.append(sentinels[0])
            spans += 1
        (answer if hidden else source).append(token)
        before = hidden
    if spans >= len(sentinels):
        raise ValueError("too few sentinels")
    return source, [*answer, sentinels[1]]
