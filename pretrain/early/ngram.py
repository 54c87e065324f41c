"""n-gram models: count what followed the last n−1 words, and share where counts fail.

    <doc>  the  cat  sat  on  the  ▢          n = 3: the context is "on the"

    "on the ▢" seen 3 times       mat 2, roof 1           3 counts are few …
    "the ▢"    seen 40 times      cat 9, dog 7, mat 2 …   … so ask shorter contexts
    "▢"        seen 1000 times    the 60, . 50 …          … and each word alone
    any word                      1 / (number of words)   … and finally nobody

Every smoothing here is one mixture of those rows, longest context first:

    p(w | context) = Σ_k  scale_k · max(count_k(w) − discount_k, 0)  +  rest / words

and they differ in the numbers alone. `AddK` adds k to every count of the longest
context. `Interpolated` (@jelinek1980interpolated) learns the weights of the rows on
held-out text, by EM. `KneserNey` (@kneser1995improved; interpolated as in
@chen1999empirical) takes a constant from each count and gives it to shorter contexts,
in which a word counts once for each *different* word that it followed: "Francisco"
is frequent, and yet follows one word only.

A document is opened and closed by ``<doc>``, and no context reaches back across it.
Every token that a document can hold gets a probability, ``<doc>`` and ``<unk>`` too;
``<pad>`` and ``<mask>`` get none. Cost on one core: a million tokens are counted to
order 4 in 2 s, and 80,000 are scored in a second.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from pretrain.corpora.document import Document
from pretrain.errors import EmptyCorpusError, PretrainError
from pretrain.evaluation.generation import GREEDY, Sampling, probabilities
from pretrain.evaluation.likelihood import Score
from pretrain.random import Generator, uniform
from pretrain.tokens import Tokenizer

Context = tuple[int, ...]
Row = Mapping[int, int]  # token id → count


@dataclass(frozen=True)
class Counts:
    """What followed what.

    order: n; contexts have up to n − 1 tokens.
    doc: the id of ``<doc>``.
    possible (V,): bool, the tokens that a document can hold; they get probability.
    tables: tables[k] maps a context of k tokens to the counts of what followed it.
    totals: totals[k] maps it to their sum.
    """

    order: int
    doc: int
    possible: np.ndarray
    tables: tuple[dict[Context, dict[int, int]], ...]
    totals: tuple[dict[Context, int], ...]

    @property
    def words(self) -> int:
        """The number of possible tokens."""
        return int(self.possible.sum())

    def seen(self, context: Context) -> list[Context]:
        """The ends of ``context`` that were seen, shortest (the empty one) first."""
        longest = min(len(context), self.order - 1)
        ends = (context[len(context) - k :] for k in range(longest + 1))
        return [end for end in ends if end in self.tables[len(end)]]


def count(
    documents: Iterable[Sequence[int]],
    tokenizer: Tokenizer,
    order: int = 3,
    tokens: int | None = None,
) -> Counts:
    """Count the n-grams of all orders up to ``order`` in documents (without ``<doc>``).

    With ``tokens`` counting stops after the first document that reaches that many
    tokens (closing ``<doc>`` included): give it for a stream that does not end.
    Raises PretrainError for an order below 1, EmptyCorpusError without a document.
    """
    if order < 1:
        raise PretrainError(f"n-grams of order {order}: give 1 or more")
    special = tokenizer.special
    possible = np.ones(tokenizer.vocab_size, dtype=bool)
    possible[: special.reserved] = False
    possible[[i for i in (special.doc, special.unk) if i is not None]] = True
    tables: tuple[dict, ...] = tuple({} for _ in range(order))
    read = 0
    for document in documents:
        ids = (special.doc, *document, special.doc)
        for i in range(1, len(ids)):
            for k in range(min(order, i + 1)):
                row = tables[k].setdefault(ids[i - k : i], {})
                row[ids[i]] = row.get(ids[i], 0) + 1
        read += len(ids) - 1
        if tokens is not None and read >= tokens:
            break
    if not read:
        raise EmptyCorpusError("no documents, so there is nothing to count: add text")
    return _with_totals(order, special.doc, possible, tables)


def _with_totals(order, doc, possible, tables) -> Counts:
    totals = tuple(
        {context: sum(row.values()) for context, row in table.items()}
        for table in tables
    )
    return Counts(order, doc, possible, tables, totals)


class Part(NamedTuple):
    """One row of a mixture: it gives w the mass scale · max(row[w] − discount, 0)."""

    scale: float
    discount: float
    row: Row


@dataclass(frozen=True)
class AddK:
    """k is added to the count of every word (Lidstone; k = 1 is Laplace's rule)."""

    counts: Counts
    k: float = 1.0

    def __post_init__(self) -> None:
        if self.k <= 0:
            raise PretrainError(f"k is {self.k}: add more than 0 to each count")

    def parts(self, context: Context) -> tuple[list[Part], float]:
        """The one row of the longest context, and the mass for words at large."""
        longest = context[max(0, len(context) - self.counts.order + 1) :]
        row = self.counts.tables[len(longest)].get(longest, {})
        total = self.counts.totals[len(longest)].get(longest, 0)
        added = self.k * self.counts.words
        return [Part(1 / (total + added), 0.0, row)], added / (total + added)


@dataclass(frozen=True)
class Interpolated:
    """A weighted mean of the relative frequencies of all orders (Jelinek–Mercer).

    weights[j] (j + 2,) are those in use where the longest context that was seen has j
    tokens: of the uniform distribution, of words alone, …, of that context. They are
    learned by :func:`interpolate`. @jelinek1980interpolated
    """

    counts: Counts
    weights: tuple[tuple[float, ...], ...]

    def parts(self, context: Context) -> tuple[list[Part], float]:
        """The rows of all seen contexts, each as relative frequencies."""
        seen = self.counts.seen(context)
        rest, *weights = self.weights[len(seen) - 1]
        found = []
        for end, weight in zip(seen, weights, strict=True):
            k = len(end)
            scale = weight / self.counts.totals[k][end]
            found.append(Part(scale, 0.0, self.counts.tables[k][end]))
        return found, rest


def interpolate(
    counts: Counts, held_out: Iterable[Sequence[int]], steps: int = 50
) -> Interpolated:
    """Fit the weights by EM on documents that were not counted.

    A step asks how probable it is that each held-out token came from each order, and
    makes the mean of that the new weight. The likelihood never falls, and has no other
    maximum than the highest. On the counted text itself all weight would go to the
    longest context. Raises EmptyCorpusError without a document. @dempster1977maximum
    """
    samples: list[list[np.ndarray]] = [[] for _ in range(counts.order)]
    for document in held_out:
        ids = (counts.doc, *document, counts.doc)
        for i in range(1, len(ids)):
            seen = counts.seen(ids[max(0, i - counts.order + 1) : i])
            p = [counts.possible[ids[i]] / counts.words]
            for end in seen:
                k = len(end)
                n = counts.tables[k][end].get(ids[i], 0)
                p.append(n / counts.totals[k][end])
            samples[len(seen) - 1].append(np.array(p))
    if not any(samples):
        raise EmptyCorpusError("no held-out document: give some that were not counted")
    weights = []
    for j, group in enumerate(samples):
        w = np.full(j + 2, 1 / (j + 2))
        for _ in range(steps if group else 0):
            w = em_step(w, np.array(group))
        weights.append(tuple(w))
    return Interpolated(counts, tuple(weights))


def em_step(weights: np.ndarray, p: np.ndarray) -> np.ndarray:
    """One EM step for the weights (K,) of a mixture of K components, p (M, K)."""
    joint = weights * p  # (M,K)
    return (joint / joint.sum(1, keepdims=True)).mean(0)


@dataclass(frozen=True)
class KneserNey:
    """Interpolated Kneser–Ney. Make one with :func:`kneser_ney`.

    counts: of the longest contexts as they are; of shorter ones, how many different
        tokens came before (see :func:`continuations`).
    discounts (n,): what each count loses, by the length of the context.
    """

    counts: Counts
    discounts: tuple[float, ...]

    def parts(self, context: Context) -> tuple[list[Part], float]:
        """The discounted rows; what the discounts took goes to the next shorter one."""
        found, rest = [], 1.0
        for end in reversed(self.counts.seen(context)):
            k = len(end)
            row, total = self.counts.tables[k][end], self.counts.totals[k][end]
            found.append(Part(rest / total, self.discounts[k], row))
            rest *= self.discounts[k] * len(row) / total
        return found, rest


def kneser_ney(counts: Counts, discounts: Sequence[float] | None = None) -> KneserNey:
    """Interpolated Kneser–Ney with one discount, 0 to 1, for each context length.

    By default D = n₁ / (n₁ + 2 n₂), where n₁ and n₂ say how many n-grams have count 1
    and 2 (@chen1999empirical), and ½ where nothing has count 1. Raises PretrainError
    for other discounts, or another number of them than the order.
    """
    adjusted = continuations(counts)
    if discounts is None:
        discounts = [_discount(table) for table in adjusted.tables]
    if len(discounts) != counts.order or not all(0 <= d <= 1 for d in discounts):
        raise PretrainError(
            f"discounts {tuple(discounts)}: give {counts.order} numbers from 0 to 1, "
            "the first for the empty context"
        )
    return KneserNey(adjusted, tuple(discounts))


def continuations(counts: Counts) -> Counts:
    """The counts of Kneser–Ney.

    A shorter context's count of w is the number of different tokens x such that
    (x, context, w) was seen. Contexts that begin with ``<doc>`` keep their own counts:
    nothing comes before them.
    """
    tables: list[dict] = [{} for _ in range(counts.order - 1)]
    for k in range(counts.order - 1):
        for context, row in counts.tables[k + 1].items():
            shorter = tables[k].setdefault(context[1:], {})
            for w in row:
                shorter[w] = shorter.get(w, 0) + 1
        for context, row in counts.tables[k].items():
            if context[:1] == (counts.doc,):
                tables[k][context] = row
    every = (*tables, counts.tables[-1])
    return _with_totals(counts.order, counts.doc, counts.possible, every)


def _discount(table: Mapping[Context, Row]) -> float:
    once = sum(n == 1 for row in table.values() for n in row.values())
    twice = sum(n == 2 for row in table.values() for n in row.values())
    return once / (once + 2 * twice) if once else 0.5


NGram = AddK | Interpolated | KneserNey


def distribution(model: NGram, context: Sequence[int]) -> np.ndarray:
    """p (V,) of the token after ``context``; only its last n − 1 tokens count.

    A context that is less than n − 1 tokens long begins with ``<doc>``.
    """
    counts = model.counts
    parts, rest = model.parts(_last(context, counts.order))
    p = counts.possible * (rest / counts.words)
    for scale, discount, row in parts:
        ids = np.fromiter(row, dtype=np.int64)
        n = np.fromiter(row.values(), dtype=np.float64)
        p[ids] += scale * np.maximum(n - discount, 0)
    return p


def probability(model: NGram, token: int, context: Sequence[int]) -> float:
    """One entry of :func:`distribution`, without the others."""
    counts = model.counts
    parts, rest = model.parts(_last(context, counts.order))
    p = rest / counts.words if counts.possible[token] else 0.0
    for scale, discount, row in parts:
        p += scale * max(row.get(token, 0) - discount, 0.0)
    return p


def _last(context: Sequence[int], order: int) -> Context:
    return tuple(context[max(0, len(context) - order + 1) :])


def surprisals(model: NGram, tokens: Sequence[int]) -> np.ndarray:
    """(len(tokens) + 1,) nats: −ln p of each token and of the closing ``<doc>``."""
    doc, n = model.counts.doc, model.counts.order
    ids = (doc, *tokens, doc)
    p = [
        probability(model, ids[i], ids[max(0, i - n + 1) : i])
        for i in range(1, len(ids))
    ]
    return np.array([-math.log(x) if x > 0 else math.inf for x in p])


def score(model: NGram, documents: Sequence[Document]) -> Score:
    """Nats and counts of each document, as ``evaluate`` gives them for a causal model.

    The result has ``mean`` (nats per token), ``perplexity`` and ``bits_per_byte``, and
    ``excess(score(...), floor(...))`` compares it with an exact floor.
    """
    nats = np.array([surprisals(model, d.tokens).sum() for d in documents])
    return Score(nats, np.array([len(d.tokens) + 1 for d in documents]))


def write(
    model: NGram,
    prompt: Sequence[int] = (),
    sampling: Sampling = GREEDY,
    *,
    generator: Generator | None = None,
    max_tokens: int = 64,
) -> list[int]:
    """New token ids after ``<doc>`` and a prompt, up to the closing ``<doc>``.

    Raises PretrainError when sampling lacks a generator.
    """
    if sampling.temperature > 0 and generator is None:
        raise PretrainError(
            "sampling needs a generator: torch.Generator().manual_seed(0)"
        )
    doc = model.counts.doc
    text = [doc, *prompt]
    while len(text) <= len(prompt) + max_tokens:
        p = torch.from_numpy(distribution(model, text))
        reach = probabilities(p.log(), sampling).cumsum(-1)
        draw = 0.0 if generator is None else uniform((1,), generator).item()
        chosen = int((reach <= draw * reach[-1]).sum())
        if chosen == doc:
            break
        text.append(chosen)
    return text[len(prompt) + 1 :]
