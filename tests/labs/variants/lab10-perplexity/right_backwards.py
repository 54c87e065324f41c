"""Windows from the end of the text, read together where they are equally long."""

import math
from fractions import Fraction

import torch


def perplexity(pieces):
    count = torch.stack([scored.sum() for _, scored in pieces]).sum().item()
    if count < 1:
        raise ValueError("nothing is scored")
    total = torch.zeros((), dtype=torch.float64)
    for losses, scored in pieces:
        clean = torch.where(scored, losses.to(torch.float64), 0.0)
        total = total + clean.sum()
    return float(torch.exp(total / count))


def bits_per_byte(nats, texts):
    sizes = [len(bytes(text, "utf8")) for text in texts]
    if len(sizes) != len(nats) or not any(sizes):
        raise ValueError("nothing to divide by")
    total = sum(Fraction(x) for x in nats)
    return float(total / sum(sizes)) / math.log(2)


def token_perplexity(bits, size, tokens):
    return (2**bits) ** (size / tokens)


def word_perplexity(per_token, tokens, words):
    return per_token ** (tokens / words)


def windows(n, context, stride):
    if stride > context or stride <= 0:
        raise ValueError("1 <= stride <= context")
    found, end = [], n
    while end > context:
        rest = (end - context) % stride or stride
        found.append((end - context, end - rest, end))
        end -= rest
    if end:
        found.append((0, 0, end))
    return found[::-1]


def sliding_losses(model, tokens, context, stride):
    cuts = windows(tokens.numel() - 1, context, stride)
    losses = torch.zeros(tokens.numel() - 1, dtype=torch.float32)
    for length in sorted({end - start for start, _, end in cuts}):
        group = [cut for cut in cuts if cut[2] - cut[0] == length]
        rows = torch.stack([tokens[start:end] for start, _, end in group])
        said = model(rows).log_softmax(-1)
        for row, (start, first, end) in zip(said, group):
            for i in range(first, end):
                losses[i] = -row[i - start, tokens[i + 1]]
    return losses
