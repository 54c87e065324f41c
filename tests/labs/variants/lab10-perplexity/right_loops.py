"""One number after the other."""

import math

import torch


def perplexity(pieces):
    kept = []
    for losses, scored in pieces:
        for loss, counts in zip(losses.flatten().tolist(), scored.flatten().tolist()):
            if counts:
                kept.append(loss)
    if not kept:
        raise ValueError("nothing is scored")
    mean = sum(kept) / len(kept)
    return math.exp(mean) if mean < math.log(1.7e308) else math.inf


def bits_per_byte(nats, texts):
    if len(nats) != len(texts):
        raise ValueError("one loss for each text")
    size = 0
    for text in texts:
        for character in text:
            number = ord(character)
            size += 1 + (number > 0x7F) + (number > 0x7FF) + (number > 0xFFFF)
    if not size:
        raise ValueError("no bytes")
    bits = 0.0
    for loss in nats:
        bits += loss * math.log2(math.e)
    return bits / size


def token_perplexity(bits, size, tokens):
    nats = bits * math.log(2) * size
    return math.exp(nats / tokens)


def word_perplexity(per_token, tokens, words):
    bits = math.log2(per_token) * tokens
    return 2.0 ** (bits / words)


def windows(n, context, stride):
    if stride < 1 or stride > context:
        raise ValueError("1 <= stride <= context")
    ends = []
    end = context
    while end < n:
        ends.append(end)
        end += stride
    if n:
        ends.append(n)
    found = []
    for place, end in enumerate(ends):
        first = ends[place - 1] if place else 0
        found.append([max(0, end - context), first, end])
    return found


def sliding_losses(model, tokens, context, stride):
    losses = []
    for start, first, end in windows(len(tokens) - 1, context, stride):
        logits = model(tokens[start:end].unsqueeze(0))
        for i in range(first, end):
            row = logits[0, i - start].tolist()
            top = max(row)
            total = sum(math.exp(z - top) for z in row)
            losses.append(top + math.log(total) - row[int(tokens[i + 1])])
    return torch.tensor(losses)
