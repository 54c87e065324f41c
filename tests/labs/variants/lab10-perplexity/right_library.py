"""PyTorch and NumPy."""

import numpy as np
import torch
import torch.nn.functional as F


def perplexity(pieces):
    if not any(scored.any() for _, scored in pieces):
        raise ValueError("nothing is scored")
    kept = torch.cat([losses[scored].flatten().double() for losses, scored in pieces])
    return kept.mean().exp().item()


def bits_per_byte(nats, texts):
    if len(nats) != len(texts):
        raise ValueError("one loss for each text")
    size = len("".join(texts).encode("utf-8"))
    if size == 0:
        raise ValueError("no bytes")
    return float(np.sum(nats) / np.log(2.0) / size)


def token_perplexity(bits, size, tokens):
    return float(np.exp2(np.float64(bits) * size / tokens))


def word_perplexity(per_token, tokens, words):
    return float(np.power(np.float64(per_token), tokens / words))


def windows(n, context, stride):
    if stride not in range(1, context + 1):
        raise ValueError("1 <= stride <= context")
    if n == 0:
        return []
    last = max(0, -(-(n - context) // stride))
    ends = np.minimum(context + stride * np.arange(last + 1), n)
    firsts = np.concatenate([[0], ends[:-1]])
    starts = np.maximum(ends - context, 0)
    return [tuple(map(int, row)) for row in zip(starts, firsts, ends)]


def sliding_losses(model, tokens, context, stride):
    losses = torch.full((len(tokens) - 1,), float("nan"))
    with torch.no_grad():
        for start, first, end in windows(len(losses), context, stride):
            logits = model(tokens[start:end].view(1, -1))
            targets = tokens[start + 1 : end + 1].clone()
            targets[: first - start] = -100
            found = F.cross_entropy(
                logits.transpose(1, 2), targets.view(1, -1), reduction="none"
            )
            losses[first:end] = found[0, first - start :]
    return losses
