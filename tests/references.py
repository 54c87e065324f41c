"""Slow, plain NumPy versions of what the package does fast: the tests' second opinion.

Nothing here imports `pretrain`. Each function is the formula written out, with a loop
where a loop is clearer.

Shapes: T positions, V vocabulary. Losses are in nats.
"""

import numpy as np


def log_softmax_numpy(logits: np.ndarray) -> np.ndarray:
    """log softmax over the last axis, (…, V) to (…, V), in float64."""
    logits = np.asarray(logits, dtype=np.float64)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def causal_lm_loss_numpy(model, tokens) -> float:
    """Mean nats per token of T tokens, each predicted from those before it.

    ``model`` takes token ids (T−1,) and returns logits (T−1, V). ``tokens`` starts with
    a token that opens the text: only so is the first word of the text scored too.
    """
    tokens = np.asarray(tokens)
    inputs, targets = tokens[:-1], tokens[1:]
    log_p = log_softmax_numpy(model(inputs))  # (T−1, V)
    return float(-log_p[np.arange(len(targets)), targets].mean())


def masked_lm_loss_numpy(
    model, tokens, rng, *, mask, special, vocab_size, rate=0.15
) -> float:
    """Mean nats per chosen token of T tokens that were corrupted as BERT does it.

    Every token that is not in ``special`` is chosen with probability ``rate``. Of the
    chosen, 80 % show ``mask``, 10 % a random ordinary token, 10 % themselves; all of
    them are scored. ``model`` takes token ids (T,) and returns logits (T, V). At least
    one token is chosen, so that the mean exists; ``tokens`` is left as it is.
    """
    tokens = np.asarray(tokens)
    ordinary = np.setdiff1d(np.arange(vocab_size), special)
    allowed = np.flatnonzero(~np.isin(tokens, special))
    chosen = allowed[rng.random(len(allowed)) < rate]
    if not len(chosen):
        chosen = rng.choice(allowed, size=1)
    corrupted = tokens.copy()
    for position in chosen:
        draw = rng.random()
        if draw < 0.8:
            corrupted[position] = mask
        elif draw < 0.9:
            corrupted[position] = rng.choice(ordinary)
    log_p = log_softmax_numpy(model(corrupted))  # (T, V)
    return float(-log_p[chosen, tokens[chosen]].mean())
