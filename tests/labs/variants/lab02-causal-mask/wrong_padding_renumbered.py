"""Padding is given the number 0 in the caller's tensor, and so joins document 0."""


def document_mask(documents):
    documents[documents < 0] = 0
    same = documents[:, :, None] == documents[:, None, :]
    return same & causal_mask(documents.shape[1])
