"""The forward–backward recursions, for many documents at once.

Given a hidden Markov model with ends (@rabiner1989tutorial), `forward` carries
what is known from the left through a document, `backward` what is known from the
right. Both work in float64 on probabilities that are scaled to add up to 1 at each
step, so that no document is too long for them.

A document here is B rows of T positions, padded on the right. What is seen at a
position enters as p(what is seen | state): the column of the word's probabilities,
or ones where the word is masked.

Shapes: B documents, T positions, S states.
"""

import numpy as np


def forward(
    initial: np.ndarray,
    transition: np.ndarray,
    stop: np.ndarray,
    seen: np.ndarray,
    lengths: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """What is known of each state from the left, and what each step costs.

    Args:
        initial: (S,) probability of the first state.
        transition: (S, S) probability of the next state (column) after each (row).
        stop: (T, S) probability that the document ends after a position and state.
        seen: (B, T, S) probability of what is seen in each state.
        lengths: (B,) how many positions each document has.

    Returns:
        before: (B, T, S) p(state at t | what is seen before t).
        nats: (B, T+1) surprisal of what is seen at each position, going on to it
            included, and of the end; 0 past the end. A masked word costs 0.
    """
    b, t_max, s = seen.shape
    before, nats = np.zeros((b, t_max, s)), np.zeros((b, t_max + 1))
    state = np.broadcast_to(initial, (b, s))
    for t in range(t_max):
        before[:, t] = state
        state, word = normalize(state * seen[:, t])
        _, end = normalize(state * stop[t])
        state, goes_on = normalize(state * (1 - stop[t]))
        state = state @ transition
        nats[:, t] += np.where(lengths > t, word, 0)
        last, on = lengths == t + 1, lengths > t + 1
        nats[:, t + 1] = np.where(last, end, np.where(on, goes_on, 0))
    return before, nats


def backward(
    transition: np.ndarray, stop: np.ndarray, seen: np.ndarray, lengths: np.ndarray
) -> np.ndarray:
    """(B, T, S): p(what is seen after t, and the end | state at t), up to a factor.

    The arguments are those of `forward`. Rows past an end mean nothing.
    """
    after = np.zeros_like(seen)
    for t in reversed(range(seen.shape[1])):
        if t + 1 < seen.shape[1]:
            on = (seen[:, t + 1] * after[:, t + 1]) @ transition.T
            after[:, t] = (1 - stop[t]) * on
        after[lengths == t + 1, t] = stop[t]
        after[:, t], _ = normalize(after[:, t])
    return after


def normalize(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of (B, S) scaled to add up to 1, and −log of what they added up to (B,).

    A row of zeros stays as it is, and costs infinitely much.
    """
    total = weights.sum(-1)
    with np.errstate(divide="ignore"):
        nats = -np.log(total)
    return weights / np.where(total > 0, total, 1)[:, None], nats
