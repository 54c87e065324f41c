"""The caller's tokens become the targets."""

def targets_of(tokens, chosen):
    tokens[~chosen] = -100
    return tokens
