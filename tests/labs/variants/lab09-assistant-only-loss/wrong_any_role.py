"""Whoever is not the assistant is a user."""


def render(turns, markers):
    ids = []
    for role, said in turns:
        if set(said) & set(markers):
            raise ValueError("a marker is said")
        ids.append(markers[1] if role == "assistant" else markers[0])
        ids += [*said, markers[2]]
    return ids
