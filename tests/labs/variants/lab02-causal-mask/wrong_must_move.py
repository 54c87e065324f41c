"""To see less than allowed is called a leak as well."""


def leaks(model, tokens, vocab_size, mask):
    return bool((influence(model, tokens, vocab_size) != mask).any())
