"""One denominator for both losses."""

import torch


def pair_objective(
    token_logits, targets, pair_logits, labels, masked, pairs, weight=1.0
):
    cross_entropy = torch.nn.functional.cross_entropy
    of_tokens = cross_entropy(
        token_logits.flatten(0, 1), targets.flatten(), reduction="sum"
    )
    of_pairs = cross_entropy(pair_logits, labels, reduction="sum")
    return (of_tokens + weight * of_pairs) / max(masked + pairs, 1)
