"""Two turns of one role in a row become one."""


def render(turns, markers):
    openings = {"user": markers[0], "assistant": markers[1]}
    ids, before = [], None
    for role, said in turns:
        if role not in openings or set(said) & set(markers):
            raise ValueError("bad turn")
        if role == before:
            ids.pop()
        else:
            ids.append(openings[role])
        ids += [*said, markers[2]]
        before = role
    return ids
