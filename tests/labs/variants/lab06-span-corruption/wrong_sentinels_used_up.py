"""The caller's sentinels are popped, and their end is an IndexError."""


def cut_out(tokens, noise, sentinels):
    source, answer, before = [], [], False
    for token, hidden in zip(tokens, noise):
        if hidden and not before:
            name = sentinels.pop(0)
            source.append(name)
            answer.append(name)
        (answer if hidden else source).append(token)
        before = hidden
    return source, [*answer, sentinels.pop(0)]
