"""Five ways to damage a document, each a plain function of tokens and uniform numbers.

    original   The cat sat . It purred .
    mask       The <mask> sat . It purred .          which tokens are missing
    delete     The sat . It purred .                 … and where they were
    infill     The <mask> . <mask> It purred .       … and how many: spans of 2, 0
    permute    It purred . The cat sat .             the order of the sentences
    rotate     . It purred . The cat sat             where the document begins

These are BART's (@lewis2020bart, section 2.2). Each takes a list of token ids and one
uniform number in [0, 1) for each token (``infill``: three for each) and returns a new
list. Nothing here knows of special tokens but ``<mask>``, which they write.
"""

import math

import numpy as np


def choose(count: int, rate: float, lots: np.ndarray) -> np.ndarray:
    """(count,) True at ``round(rate · count)`` places, ≥ 1: the lowest lots."""
    wanted = max(1, round(rate * count))
    chosen = np.zeros(count, dtype=bool)
    chosen[np.argsort(lots[:count], kind="stable")[:wanted]] = True
    return chosen


def mask(tokens: list[int], rate: float, lots: np.ndarray, blank: int) -> list[int]:
    """A share of the tokens become ``blank``; those that are blank already may too."""
    chosen = choose(len(tokens), rate, lots).tolist()
    return [blank if hit else t for t, hit in zip(tokens, chosen, strict=True)]


def delete(tokens: list[int], rate: float, lots: np.ndarray) -> list[int]:
    """A share of the tokens disappear without a trace."""
    chosen = choose(len(tokens), rate, lots).tolist()
    return [t for t, hit in zip(tokens, chosen, strict=True) if not hit]


def infill(
    tokens: list[int], rate: float, mean: float, lots: np.ndarray, blank: int
) -> list[int]:
    """Spans of Poisson length become one ``blank`` each; a span of 0 inserts one.

    lots: (3, n) uniform numbers, n for lengths and 2n for places. Lengths are drawn
    until they add up to ``round(rate · n)`` tokens, at least one, and the last is cut
    to fit, as in BART's code; after n draws it ends in any case. The spans then go
    anywhere between the tokens that stay, all arrangements equally likely; two spans
    may be neighbors.
    """
    n = len(tokens)
    budget = max(1, round(rate * n))
    spans: list[int] = []
    for u in lots[0, :n]:
        if sum(spans) >= budget:
            break
        spans.append(min(poisson(float(u), mean), budget - sum(spans)))
    slots = n - sum(spans) + len(spans)  # what stays, and the spans
    order = np.argsort(lots[1:].reshape(-1)[:slots], kind="stable")
    places = set(order[: len(spans)].tolist())
    lengths, found, at = iter(spans), [], 0
    for slot in range(slots):
        if slot in places:
            found.append(blank)
            at += next(lengths)
        else:
            found.append(tokens[at])
            at += 1
    return found


def poisson(u: float, mean: float) -> int:
    """The Poisson number at a uniform one: the smallest k with P(X ≤ k) > u.

    By inversion of the cumulative distribution, term by term, so that the same uniform
    number gives the same length in any language.
    """
    k, p = 0, math.exp(-mean)
    reached = p
    while reached <= u and p > 0:
        k += 1
        p *= mean / k
        reached += p
    return k


def permute(tokens: list[int], ends: np.ndarray, lots: np.ndarray) -> list[int]:
    """The sentences in another order, all orders equally likely.

    ends: (V,) True at the tokens that end a sentence. What follows the last of them is
    a sentence too.
    """
    sentences: list[list[int]] = [[]]
    for token in tokens:
        sentences[-1].append(token)
        if ends[token]:
            sentences.append([])
    sentences = [sentence for sentence in sentences if sentence]
    order = np.argsort(lots[: len(sentences)], kind="stable")
    return [token for i in order for token in sentences[i]]


def rotate(tokens: list[int], lot: float) -> list[int]:
    """The document from one of its tokens on, then what came before that token."""
    start = int(lot * len(tokens))
    return tokens[start:] + tokens[:start]
