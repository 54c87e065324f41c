"""With as many sentinels as spans the final one is left out without a word."""


def cut_out(tokens, noise, sentinels):
    source, answer, spans, before = [], [], 0, False
    for token, hidden in zip(tokens, noise):
        if hidden and not before:
            if spans >= len(sentinels):
                raise ValueError("too few sentinels")
            source.append(sentinels[spans])
            answer.append(sentinels[spans])
            spans += 1
        (answer if hidden else source).append(token)
        before = hidden
    return source, [*answer, *sentinels[spans : spans + 1]]
