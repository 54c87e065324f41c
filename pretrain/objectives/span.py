"""Span corruption: cut spans out of a document, and write only what was cut.

    document   The   cat   sat    on   the   mat    .
    noise       .     ×     ×     .     .     ×     .        15 %, mean length 3
    source     The  <extra_0>   on   the  <extra_1>   .
    answer     <extra_0>  cat  sat  <extra_1>  mat  <extra_2>

Each span becomes one sentinel of its own; the answer is the spans, each after its
sentinel, and one more sentinel says that it is over (@raffel2020exploring, figure 2).
Source and answer hold the document between them: ``restore`` gives it back.

The noise is drawn as T5's code does it (``random_spans_noise_mask``): the number of
noise tokens and of spans come from rounding and are not random; the noise tokens and
the others are each cut into that many segments, all cuts equally likely; segments
alternate, others first. So the first token of a document is never noise and its last
one always is, and only the lengths are random: a model so trained has never read a
source that goes on after its last sentinel.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar

import numpy as np

from pretrain.errors import PretrainError
from pretrain.objectives.rewriting import Form, Pair, Rewriting, check_form, check_rate
from pretrain.tokens import Special, Tokenizer


@dataclass(frozen=True)
class SpanCorruption(Rewriting):
    """T5's objective. @raffel2020exploring

    rate: share of a document's tokens that are noise, 0 < rate < 1.
    mean_span: tokens of a span on average, 1 or more.
    sentinels: how many sentinel tokens the vocabulary holds; a document of s spans
        needs s + 1 (T5 has 100).
    form: "one-stack" for a Transformer, "encoder-decoder" for an EncoderDecoder.
    """

    shortest: ClassVar[int] = 2

    rate: float = 0.15
    mean_span: float = 3.0
    sentinels: int = 32
    form: Form = "one-stack"

    def __post_init__(self) -> None:
        check_rate(self.rate, "corruption rate")
        check_span(self.mean_span)
        check_form(self.form)
        if self.sentinels < 2:
            raise PretrainError(
                f"{self.sentinels} sentinels: one span needs two, its own and the final"
            )

    @property
    def extra_tokens(self) -> tuple[str, ...]:
        """The sentinels ``<extra_0>`` …"""
        return sentinel_names(self.sentinels)

    def rewrite(
        self, tokens: list[int], lots: np.ndarray, closed: bool, tokenizer: Tokenizer
    ) -> Pair:
        """A document's source and answer; whether it is closed makes no difference."""
        noise = noise_mask(len(tokens), self.rate, self.mean_span, lots[:, 0])
        return cut_out(tokens, noise, sentinel_ids(tokenizer.special))

    def for_evaluation(self) -> "SpanCorruption":
        """How every model is scored, whatever it was trained with: T5's 15 % and 3."""
        return replace(self, rate=0.15, mean_span=3.0)


def check_span(mean: float) -> None:
    """Raises PretrainError unless 1 ≤ mean < ∞."""
    if not (math.isfinite(mean) and mean >= 1):
        raise PretrainError(f"the mean span is {mean} tokens: give 1 or more")


def sentinel_names(count: int) -> tuple[str, ...]:
    """``<extra_0>``, ``<extra_1>`` …"""
    return tuple(f"<extra_{i}>" for i in range(count))


@lru_cache
def sentinel_ids(special: Special) -> tuple[int, ...]:
    """The ids of a tokenizer's sentinels, in order. Raises PretrainError for none."""
    special.extra("<extra_0>")  # or it raises, and says what to do
    count = sum(name.startswith("<extra_") for name in special.extras)
    return tuple(special.extra(name) for name in sentinel_names(count))


def counts(length: int, rate: float, mean_span: float) -> tuple[int, int]:
    """How many of ``length`` tokens are noise, and in how many spans.

    At least one token is noise and one is not, and no span is empty. Halves are rounded
    to even, as in T5's code. Raises PretrainError below two tokens.
    """
    if length < 2:
        raise PretrainError(
            f"a document of {length} tokens cannot be corrupted: one has to be hidden "
            "and one shown, so give two or more"
        )
    noise = min(max(round(length * rate), 1), length - 1)
    spans = min(max(round(noise / mean_span), 1), length - noise)
    return noise, spans


def lengths(inputs: int, rate: float = 0.15, mean_span: float = 3.0) -> tuple[int, int]:
    """The longest document whose source fits ``inputs`` positions, and its answer.

    The source has its ``<doc>`` and the answer its final sentinel (T5: an end token
    each). 512 inputs at 15 % and 3 are 568 tokens with answers of 114, as in T5.
    """
    length = 2

    def sizes(n: int) -> tuple[int, int]:
        noise, spans = counts(n, rate, mean_span)
        return n - noise + spans + 1, noise + spans + 1

    if sizes(length)[0] > inputs:
        raise PretrainError(f"no document fits {inputs} positions: give 3 or more")
    while sizes(length + 1)[0] <= inputs:
        length += 1
    return length, sizes(length)[1]


def noise_mask(
    length: int, rate: float, mean_span: float, lots: np.ndarray
) -> np.ndarray:
    """(length,) True at the noise, from uniform numbers (length,). See the module."""
    noise, spans = counts(length, rate, mean_span)
    sizes = np.empty(2 * spans, dtype=int)
    sizes[0::2] = segments(length - noise, spans, lots[noise:])
    sizes[1::2] = segments(noise, spans, lots[:noise])
    return np.repeat(np.arange(2 * spans) % 2 == 1, sizes)


def segments(items: int, parts: int, lots: np.ndarray) -> np.ndarray:
    """Lengths ≥ 1 of ``parts`` segments of ``items``, all cuts equally likely.

    Of the items but the first, the parts − 1 with the lowest numbers open a segment.
    """
    edges = np.empty(parts + 1, dtype=int)
    opens = 1 + lots[1:items].argsort(kind="stable")[: parts - 1]
    opens.sort()
    edges[0], edges[1:-1], edges[-1] = 0, opens, items
    return edges[1:] - edges[:-1]


def cut_out(tokens: list[int], noise: np.ndarray, sentinels: Sequence[int]) -> Pair:
    """Source and answer of a document whose noise is marked.

    Raises PretrainError when there are fewer sentinels than spans plus one.
    """
    marks = noise.tolist()
    needed = 1 + sum(b > a for a, b in zip([False, *marks], marks, strict=False))
    if needed > len(sentinels):
        raise PretrainError(
            f"a document of {len(tokens)} tokens needs {needed} sentinels and the "
            f"tokenizer has {len(sentinels)}: raise sentinels, or lower the rate or "
            "the rows' length"
        )
    source, answer, spans, before = [], [], 0, False
    for token, hidden in zip(tokens, marks, strict=True):
        if hidden and not before:
            source.append(sentinels[spans])
            answer.append(sentinels[spans])
            spans += 1
        (answer if hidden else source).append(token)
        before = hidden
    return source, [*answer, sentinels[spans]]


def restore(source: list[int], answer: list[int], special: Special) -> list[int]:
    """The document that a source and an answer were made of.

    Raises PretrainError when the answer does not fill exactly the source's spans, in
    order, each after its sentinel and the final one at the end.
    """
    sentinels = sentinel_ids(special)
    known = set(sentinels)
    asked = [token for token in source if token in known]
    given = [token for token in answer if token in known]
    wanted = list(sentinels[: len(asked) + 1])  # the final one too
    fits = len(wanted) == len(asked) + 1 and asked == wanted[:-1] and given == wanted
    if not fits or answer[0] != wanted[0] or answer[-1] != wanted[-1]:
        raise PretrainError(
            "this answer does not belong to this source: it must hold the source's "
            "sentinels in order, each before its span, and one more at the end"
        )
    starts = [answer.index(sentinel) for sentinel in given]
    spans = {
        sentinel: answer[start + 1 : stop]
        for sentinel, start, stop in zip(asked, starts, starts[1:], strict=False)
    }
    found = []
    for token in source:
        found += spans[token] if token in known else [token]
    return found
