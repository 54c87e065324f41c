"""Shannon's guessing game: what is left to learn of a text, measured by guessing.

    THE ROOM WAS N ▢      guess "o"? yes            rank 1
    THE ROOM WAS NO▢      guess " "? no, "t"? yes   rank 2
    1 1 1 5 1 1 2 1 1 2 1 1 15 1 17 1 1 1 2 1 3 …   the ranks, one a letter

Whoever has the ranks and a twin of the guesser can recover the text, so the ranks hold
all its information, and two sums over their shares q_i bound the entropy of a letter
in bits (@shannon1951prediction):

    lower  Σ i (q_i − q_{i+1}) log2 i  ≤  H  ≤  −Σ q_i log2 q_i  upper

The lower sum is the mean over letters of g(rank), g(i) = i log2 i − (i−1) log2 (i−1).

What the bounds do not say. The upper one holds for every guesser who guesses alike
given alike; the lower one only for an ideal guesser, who tries letters in the order of
their true probability. A worse one raises both, and his lower "bound" can lie above
the entropy. And with n letters the upper sum comes out too small by about
(K − 1) / (2 n ln 2) bits, where K ranks occur (@miller1955note): with Shannon's
n = 100 that is some tenth of a bit. Neighboring ranks depend on each other, so
intervals that draw single letters are too narrow: draw blocks.

The functions on ranks are plain arithmetic on lists, and their draws come from
``random.Counter``, so a widget in JavaScript gets the same numbers.
"""

import math
import unicodedata
from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pretrain.early.ngram import NGram, distribution
from pretrain.errors import EmptyLossError, PretrainError
from pretrain.random import Counter
from pretrain.tokens import Tokenizer

ALPHABET = "abcdefghijklmnopqrstuvwxyz "
"""Shannon's 27 letters: a to z and the blank, log2 27 = 4.75 bits at most."""


def fold(text: str) -> str:
    """A text in Shannon's 27 letters.

    Accents and apostrophes are dropped, capitals lowered; whatever else is no letter
    becomes a blank, and blanks become one. In JavaScript: ``text.normalize("NFKD")
    .toLowerCase().replace(/[\\p{M}'’]/gu, "").replace(/[^a-z]+/g, " ").trim()``.
    """
    letters = []
    for char in unicodedata.normalize("NFKD", text).lower():
        if "a" <= char <= "z":
            letters.append(char)
        elif unicodedata.category(char)[0] != "M" and char not in "'’":
            letters.append(" ")
    return " ".join("".join(letters).split())


@dataclass(frozen=True)
class Bounds:
    """What a number of ranks says of the entropy, in bits per letter.

    lower, upper: Shannon's two sums.
    bias: by how much ``upper`` is too small in expectation, to first order.
    """

    lower: float
    upper: float
    bias: float = 0.0


def shares(ranks: Sequence[int]) -> list[float]:
    """q_1, q_2, …: the share of letters that took 1, 2, … guesses.

    Raises EmptyLossError without a rank, PretrainError for one below 1.
    """
    if not len(ranks):
        raise EmptyLossError("no letter was guessed, so there is nothing to count")
    if min(ranks) < 1:
        raise PretrainError(f"rank {min(ranks)}: the first guess has rank 1")
    tally = Tally(ranks)
    return [tally[i] / len(ranks) for i in range(1, max(ranks) + 1)]


def bounds_of_shares(q: Sequence[float]) -> Bounds:
    """Shannon's bounds for shares q_1, q_2, … that sum to 1 (no bias: n is unknown)."""
    lower = upper = 0.0
    for i, share in enumerate(q, 1):
        following = q[i] if i < len(q) else 0.0
        lower += i * (share - following) * math.log2(i)
        upper -= share * math.log2(share) if share > 0 else 0.0
    return Bounds(lower, upper)


def bounds(ranks: Sequence[int]) -> Bounds:
    """Shannon's bounds from the ranks of n letters, with the bias of the upper one.

    The lower sum is a mean over letters, and so has no bias. Raises as ``shares``.
    """
    found = bounds_of_shares(shares(ranks))
    occurring = len(set(ranks))
    bias = (occurring - 1) / (2 * len(ranks) * math.log(2))
    return Bounds(found.lower, found.upper, bias)


@dataclass(frozen=True)
class Interval:
    """Percentile intervals of both bounds, in bits per letter."""

    lower: tuple[float, float]
    upper: tuple[float, float]


def interval(
    ranks: Sequence[int],
    seed: int = 0,
    *,
    draws: int = 1000,
    level: float = 0.95,
    block: int = 1,
) -> Interval:
    """Bootstrap intervals of the bounds of n ranks.

    Blocks of ``block`` ranks in a row are drawn with replacement until there are n,
    the end being joined to the start (circular block bootstrap,
    @politis1992circular). ``block=1`` takes ranks for independent. The upper
    interval is corrected for the bias of the bound, in the sample and in its
    resamples. Raises PretrainError for a block that is longer than the text.
    """
    n = len(ranks)
    if not 1 <= block <= max(n, 1) or not 0 < level < 1 or draws < 1:
        raise PretrainError(
            f"blocks of {block} of {n} ranks, {draws} draws, level {level}: give "
            "1 ≤ block ≤ the number of ranks, 1 draw or more, and 0 < level < 1"
        )
    center = bounds(ranks)
    random = Counter(seed)
    lower, upper = [], []
    for _ in range(draws):
        starts = random.uniform(-(-n // block))
        firsts = [int(start * n) for start in starts]
        drawn = [ranks[(i + step) % n] for i in firsts for step in range(block)][:n]
        found = bounds(drawn)
        lower.append(found.lower)
        upper.append(found.upper)
    # A resample is biased against the sample as the sample is against the truth.
    shift = center.bias + (center.upper - sum(upper) / draws)
    ends = [(1 - level) / 2, (1 + level) / 2]
    low, high = quantiles(lower, ends), quantiles(upper, ends)
    return Interval(low, (high[0] + shift, high[1] + shift))


def quantiles(values: Sequence[float], at: Sequence[float]) -> tuple[float, ...]:
    """Quantiles with linear interpolation between the sorted values."""
    ordered = sorted(values)
    found = []
    for q in at:
        place = q * (len(ordered) - 1)
        below = math.floor(place)
        above = min(below + 1, len(ordered) - 1)
        step = ordered[above] - ordered[below]
        found.append(ordered[below] + (place - below) * step)
    return tuple(found)


def ranks_of(scores: Tensor, targets: Tensor) -> Tensor:
    """The number of guesses (T,) until each target (T,), guessing by score (T, V).

    The highest score is guessed first; equal scores in the order of their ids.
    """
    own = scores.gather(1, targets[:, None])  # (T,1)
    ids = torch.arange(scores.shape[1], device=scores.device)
    before = (scores > own) | ((scores == own) & (ids < targets[:, None]))
    return before.sum(1) + 1


@torch.no_grad()
def guess_ranks(model: nn.Module | NGram, tokenizer: Tokenizer, text: str) -> list[int]:
    """How many guesses a model needs for each token of a text; 1 is a hit at once.

    With a tokenizer of characters this is Shannon's game. ``<doc>`` and the other
    specials are never guessed. A text longer than a model's context is read in windows
    that overlap by half, so that all but the first letters have half a context before
    them. Raises PretrainError where the tokenizer lacks a character of the text.
    """
    ids = tokenizer.encode(text)
    special = tokenizer.special
    if special.unk is not None and special.unk in ids:
        raise PretrainError(
            "the text holds a character that the model never saw: fold the text to "
            "the letters of its tokenizer first"
        )
    read = [special.doc, *ids]
    found: list[int] = []
    if not isinstance(model, nn.Module):
        for t, token in enumerate(ids):
            scores = torch.from_numpy(distribution(model, read[: t + 1]))[None]
            scores[:, : special.reserved] = -torch.inf
            found += ranks_of(scores, torch.tensor([token])).tolist()
        return found
    device = next(model.parameters()).device
    size = model.config.context
    start = 0
    while len(found) < len(ids):
        part = read[start : min(start + size, len(ids))]
        inputs = torch.tensor([part], device=device)
        scores = model(inputs)[0, len(found) - start :].float()  # (new,V)
        scores[:, : special.reserved] = -torch.inf
        targets = torch.tensor(ids[len(found) : start + len(part)], device=device)
        found += ranks_of(scores, targets).tolist()
        start += max(1, size // 2)
    return found
