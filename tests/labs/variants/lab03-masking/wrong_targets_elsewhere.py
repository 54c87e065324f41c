"""What was not chosen is scored."""

def targets_of(tokens, chosen):
    return tokens.masked_fill(chosen, -100)
