"""Each part is divided by its own counts: a mean of means."""

import torch


def pair_objective(
    token_logits, targets, pair_logits, labels, masked, pairs, weight=1.0
):
    cross_entropy = torch.nn.functional.cross_entropy
    of_tokens = cross_entropy(token_logits.flatten(0, 1), targets.flatten())
    share = len(labels) / pairs if pairs else 0.0
    if (targets == -100).all():
        of_tokens = token_logits.sum() * 0.0
    of_pairs = token_logits.sum() * 0.0
    if (labels != -100).any():
        of_pairs = cross_entropy(pair_logits, labels)
    return min(1.0, share) * (of_tokens + weight * of_pairs)
