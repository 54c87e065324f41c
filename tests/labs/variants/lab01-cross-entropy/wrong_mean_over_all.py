"""Positions that are not scored count in the mean."""

def mean_loss(pieces):
    if all((targets == -100).all() for _, targets in pieces):
        raise ValueError("nothing is scored")
    total = sum(token_losses(logits, targets).sum() for logits, targets in pieces)
    return total / sum(targets.numel() for _, targets in pieces)
