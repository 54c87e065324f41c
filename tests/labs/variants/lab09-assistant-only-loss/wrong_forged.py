"""Markers in what is said go through."""


def render(turns, markers):
    openings = {"user": markers[0], "assistant": markers[1]}
    ids = []
    for role, said in turns:
        if role not in openings:
            raise ValueError("no such role")
        ids += [openings[role], *said, markers[2]]
    return ids
