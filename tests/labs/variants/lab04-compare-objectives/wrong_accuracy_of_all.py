"""Positions that are not scored count as wrong answers."""


def accuracy(logits, targets):
    if (targets == -100).all():
        raise ValueError("nothing is scored")
    return (logits.argmax(-1) == targets).float().mean()
