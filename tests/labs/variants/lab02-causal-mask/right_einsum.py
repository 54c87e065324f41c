"""Einstein sums in 64 bits, the mask as a bias, one copy of the row for each token."""

import torch


def causal_mask(length):
    place = torch.arange(length)
    return place.expand(length, length) <= place[:, None]


def document_mask(documents):
    square = documents[:, None, :] - documents[:, :, None]
    allowed = (square == 0) & documents.ge(0)[:, None, :]
    allowed = allowed & causal_mask(documents.shape[-1])
    allowed.diagonal(dim1=1, dim2=2).fill_(True)
    return allowed


def masked_attention(q, k, v, mask):
    if mask.ndim == 2:
        mask = mask[None]
    scores = torch.einsum("bnth,bnsh->bnts", q.double(), k.double())
    scores = scores * q.shape[-1] ** -0.5
    least = torch.finfo(scores.dtype).min
    weights = torch.where(mask[:, None], scores, least).softmax(-1)
    weights = weights * mask[:, None]
    return torch.einsum("bnts,bnsh->bnth", weights, v.double()).to(q.dtype)


def influence(model, tokens, vocab_size):
    before = model(tokens)
    length = tokens.shape[1]
    changed = tokens[:, None].repeat(1, length, 1)
    diagonal = changed.diagonal(dim1=1, dim2=2)
    diagonal.copy_((tokens - 1) % vocab_size)
    moved = [model(changed[:, k]) - before for k in range(length)]
    return torch.stack(moved, dim=2).abs().gt(1e-5).any(-1)


def leaks(model, tokens, vocab_size, mask):
    allowed = mask.expand(len(tokens), -1, -1)
    return influence(model, tokens, vocab_size)[~allowed].sum().item() > 0
