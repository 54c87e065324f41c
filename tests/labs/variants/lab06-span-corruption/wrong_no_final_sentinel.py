"""The answer ends without the final sentinel."""


def cut_out(tokens, noise, sentinels):
    source, answer, spans, before = [], [], 0, False
    for token, hidden in zip(tokens, noise):
        if hidden and not before:
            if spans + 1 >= len(sentinels):
                raise ValueError("too few sentinels")
            source.append(sentinels[spans])
            answer.append(sentinels[spans])
            spans += 1
        (answer if hidden else source).append(token)
        before = hidden
    return source, answer
