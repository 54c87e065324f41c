"""The loss is a number of its own, without a way back."""

import torch


def chat_loss(logits, targets):
    if (targets == -100).all():
        raise ValueError("nothing is scored")
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    return torch.tensor(loss.item())
