"""Only the last token is exchanged."""

def leaks(model, tokens, vocab_size, mask):
    other = tokens.clone()
    other[:, -1] = (other[:, -1] + 1) % vocab_size
    moved = (model(other) - model(tokens)).abs().amax(-1) > 1e-5
    return bool((moved & ~mask[..., -1]).any())
