"""Bits are taken for nats."""

import math


def token_perplexity(bits, size, tokens):
    return math.exp(bits * size / tokens)
