"""Everything from the gap on is hidden, which leaves the left side alone."""

import torch


def two_sided_answers(model, tokens, places, mask):
    after = torch.arange(tokens.shape[1]) >= places[:, None]
    inputs = tokens.masked_fill(after, mask)
    return model(inputs)[torch.arange(len(tokens)), places].log_softmax(-1)
