"""Each token sees as much as the context allows, whatever the stride."""

import torch


def sliding_losses(model, tokens, context, stride):
    losses = []
    for i in range(len(tokens) - 1):
        logits = model(tokens[None, max(0, i + 1 - context) : i + 1])[0, -1]
        losses.append(torch.nn.functional.cross_entropy(logits, tokens[i + 1]))
    return torch.stack(losses)
