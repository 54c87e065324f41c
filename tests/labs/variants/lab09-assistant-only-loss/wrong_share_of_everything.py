"""The share counts padding as text."""


def scored_share(targets, documents):
    if (documents[:, 1:] == -1).all():
        raise ValueError("all padding")
    return (targets != -100).float().mean().item()
