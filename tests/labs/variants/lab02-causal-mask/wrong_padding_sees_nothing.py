"""The rows of padding positions are empty."""


def document_mask(documents):
    same = documents[:, :, None] == documents[:, None, :]
    return same & (documents >= 0)[:, :, None] & causal_mask(documents.shape[1])
