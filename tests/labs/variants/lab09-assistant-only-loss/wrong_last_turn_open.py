"""The last turn of a conversation gets no <end>."""


def render(turns, markers):
    openings = {"user": markers[0], "assistant": markers[1]}
    ids = []
    for n, (role, said) in enumerate(turns):
        if role not in openings or set(said) & set(markers):
            raise ValueError("bad turn")
        ids += [openings[role], *said]
        if n + 1 < len(turns) or len(turns) == 1:
            ids.append(markers[2])
    return ids
