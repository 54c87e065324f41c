"""An empty turn of the assistant, so <end> stands behind <assistant>."""


def prompt(turns, markers):
    return render([*turns, ("assistant", [])], markers)
