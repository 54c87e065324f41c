"""Every hidden token gets a sentinel of its own."""


def cut_out(tokens, noise, sentinels):
    source, answer, count = [], [], 0
    for token, hidden in zip(tokens, noise):
        if hidden:
            if count + 1 >= len(sentinels):
                raise ValueError("too few sentinels")
            source.append(sentinels[count])
            answer += [sentinels[count], token]
            count += 1
        else:
            source.append(token)
    return source, [*answer, sentinels[count]]
