"""Weights and einsum for the loss; tensors for the words; pools made beforehand."""

import torch


def nsp_pairs(documents, generator):
    """All coins first, then the negatives."""
    places = [(i, j) for i, d in enumerate(documents) for j in range(len(d) - 1)]
    torn = torch.bernoulli(torch.full((len(places),), 0.5), generator=generator)
    pairs = []
    for (i, j), false in zip(places, torn.tolist(), strict=True):
        a, after = documents[i][j : j + 2]
        if not false:
            pairs.append((list(a), list(after), 0))
            continue
        pool = [s for d in documents[:i] + documents[i + 1 :] for s in d[1:]]
        pool = [s for s in pool if s != after]
        if len(pool) == 0:
            raise ValueError("nothing to draw")
        order = torch.randperm(len(pool), generator=generator)
        pairs.append((list(a), list(pool[order[0]]), 1))
    return pairs


def pair_objective(
    token_logits, targets, pair_logits, labels, masked, pairs, weight=1.0
):
    def total(logits, wanted):
        scored = (wanted != -100).to(logits.dtype)
        hot = torch.nn.functional.one_hot(wanted.clamp(min=0), logits.shape[-1])
        log_p = torch.log_softmax(logits, -1)
        return -torch.einsum("...v,...v,...->", log_p, hot.to(logits.dtype), scored)

    loss = weight * total(pair_logits, labels) / pairs if pairs else 0.0
    if masked:
        loss = loss + total(token_logits, targets) / masked
    return loss


def overlap(first, second, rarity):
    weights = torch.tensor(rarity, dtype=torch.float64)
    has = torch.zeros(2, len(weights), dtype=torch.bool)
    has[0, first], has[1, second] = True, True
    either = weights[has.any(0)].sum().item()
    return weights[has.all(0)].sum().item() / either if either else 0.0
