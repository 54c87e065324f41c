"""The targets are written into the caller's rows."""


def chat_targets(tokens, markers, pad):
    inputs = tokens[:, :-1].clone()
    for row in tokens:
        speaking = False
        for t, token in enumerate(row.tolist()):
            if token in markers[:2]:
                speaking = token == markers[1]
                row[t] = -100
            elif speaking and (token != pad or pad == markers[2]):
                speaking = token != markers[2]
            else:
                row[t] = -100
    return inputs, tokens[:, 1:]
