"""The causal output at the gap: it has read the answer."""

import torch


def left_answers(model, tokens, places):
    if (places < 1).any():
        raise ValueError("nothing to the left")
    return model(tokens)[torch.arange(len(tokens)), places].log_softmax(-1)
