"""The perplexity itself is multiplied, not its logarithm."""


def word_perplexity(per_token, tokens, words):
    return per_token * tokens / words
