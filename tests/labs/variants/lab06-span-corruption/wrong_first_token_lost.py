"""A span is only seen where it begins after an open token."""


def cut_out(tokens, noise, sentinels):
    source, answer, spans = [], [], 0
    for t, (token, hidden) in enumerate(zip(tokens, noise)):
        if hidden and t > 0 and not noise[t - 1]:
            if spans + 1 >= len(sentinels):
                raise ValueError("too few sentinels")
            source.append(sentinels[spans])
            answer.append(sentinels[spans])
            spans += 1
        (answer if hidden else source).append(token)
    return source, [*answer, sentinels[spans]]
