"""Everything from the first answer on is scored, but padding."""

import torch


def chat_targets(tokens, markers, pad):
    after = (tokens == markers[1]).cumsum(1) > 0
    after &= (tokens != markers[1]) & (tokens != pad)
    return tokens[:, :-1], torch.where(after, tokens, -100)[:, 1:]
