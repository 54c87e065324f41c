"""The ratio of the counts is upside down."""


def word_perplexity(per_token, tokens, words):
    return per_token ** (words / tokens)
