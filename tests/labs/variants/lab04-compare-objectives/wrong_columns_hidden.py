"""Every row's gap is hidden in every row."""

import torch


def two_sided_answers(model, tokens, places, mask):
    inputs = tokens.clone()
    inputs[:, places] = mask
    return model(inputs)[torch.arange(len(tokens)), places].log_softmax(-1)
