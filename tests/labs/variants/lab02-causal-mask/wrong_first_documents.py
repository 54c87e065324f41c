"""The documents of the first row are taken for those of all rows."""

import torch


def document_mask(documents):
    first = documents[0]
    same = (first[:, None] == first) & (first >= 0)
    same = same & causal_mask(len(first)) | torch.eye(len(first), dtype=torch.bool)
    return same.expand(len(documents), -1, -1)
