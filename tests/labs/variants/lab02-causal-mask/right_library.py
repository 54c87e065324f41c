"""PyTorch's own attention, wherever there is something to see."""

import torch
import torch.nn.functional as F


def causal_mask(length):
    return torch.ones(length, length).tril() == 1


def document_mask(documents):
    length = documents.size(1)
    padding = -1 - torch.arange(length)
    own = torch.where(documents < 0, padding, documents)
    return own.unsqueeze(2).eq(own.unsqueeze(1)).tril()


def masked_attention(q, k, v, mask):
    mask = mask.view(-1, 1, *mask.shape[-2:])
    something = mask.any(-1, keepdim=True)
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask | ~something)
    return torch.where(something, y, torch.zeros_like(y))


def influence(model, tokens, vocab_size):
    g = torch.Generator().manual_seed(5)
    steps = torch.randint(1, vocab_size, tokens.shape, generator=g)
    exchanged = (tokens + steps) % vocab_size
    before = model(tokens)
    result = torch.zeros(*tokens.shape, tokens.shape[1], dtype=torch.bool)
    for k in range(tokens.shape[1]):
        here = torch.arange(tokens.shape[1]) == k
        other = torch.where(here, exchanged, tokens)
        result[..., k] = (model(other) - before).abs().max(-1).values.gt(1e-5)
    return result


def leaks(model, tokens, vocab_size, mask):
    return (influence(model, tokens, vocab_size) > mask).any()
