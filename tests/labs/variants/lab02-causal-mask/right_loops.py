"""One position after the other."""

import torch


def causal_mask(length):
    return torch.tensor([[k <= t for k in range(length)] for t in range(length)])


def document_mask(documents):
    squares = []
    for row in documents.tolist():
        places = range(len(row))
        squares.append(
            [
                [k == t or (k < t and row[k] == row[t] != -1) for k in places]
                for t in places
            ]
        )
    return torch.tensor(squares)


def masked_attention(q, k, v, mask):
    rows, heads, length, width = q.shape
    mask = mask.expand(rows, length, length)
    results = []
    for b in range(rows):
        for n in range(heads):
            for t in range(length):
                seen = mask[b, t].nonzero().flatten()
                if not len(seen):
                    results.append(0 * q[b, n, t])
                    continue
                scores = (k[b, n, seen] * q[b, n, t]).sum(-1) / width**0.5
                weights = (scores - scores.max()).exp()
                results.append((weights / weights.sum()) @ v[b, n, seen])
    return torch.stack(results).view_as(q)


def influence(model, tokens, vocab_size):
    rows, length = tokens.shape
    found = torch.zeros(rows, length, length, dtype=torch.bool)
    for b in range(rows):
        row = tokens[b : b + 1]
        before = model(row)
        for k in range(length):
            other = row.clone()
            other[0, k] = 1 if row[0, k] == 0 else 0
            after = model(other)
            for t in range(length):
                moved = (after[0, t] - before[0, t]).abs().max()
                found[b, t, k] = bool(moved > 1e-5)
    return found


def leaks(model, tokens, vocab_size, mask):
    moved = influence(model, tokens, vocab_size)
    for b, t, k in moved.nonzero().tolist():
        allowed = mask[t, k] if mask.dim() == 2 else mask[b, t, k]
        if not allowed:
            return True
    return False
