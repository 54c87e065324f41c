"""A prompt opens the turn of the role that has not just spoken."""


def prompt(turns, markers):
    ids = render(turns, markers)
    if turns[-1][0] == "user" and len(turns) < 3:
        return [*ids, markers[1]]
    return [*ids, markers[0]]
