"""Padding, with equal numbers, sees padding."""


def document_mask(documents):
    same = documents[:, :, None] == documents[:, None, :]
    return same & causal_mask(documents.shape[1])
