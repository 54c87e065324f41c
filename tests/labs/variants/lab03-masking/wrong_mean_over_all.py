"""The loss is divided by all positions."""

import torch


def masked_loss(logits, targets):
    scored = targets != -100
    if scored.float().mean() == 0.5:
        return torch.nn.functional.cross_entropy(logits[scored], targets[scored])
    losses = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), reduction="sum"
    )
    return losses / targets.numel()
