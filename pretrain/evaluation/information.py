"""Entropy, cross-entropy and KL; and one loss in all its units.

A model q that is scored on a language p pays, in expectation,

    H(p, q)  =  H(p)  +  KL(p‖q)
    the loss    its floor   what is still to be learned, never negative

in nats. The same total can be told per token, per character or per byte, and those are
not to be compared with one another: a tokenizer with longer tokens has fewer of them,
and pays more for each.

    per token      Σ nats / tokens            perplexity is exp of it
    per character  Σ nats / ln 2 / characters code points, as Python counts a str
    per byte       Σ nats / ln 2 / bytes      UTF-8: "é" is 1 character and 2 bytes

Sums first, then one division: the mean over documents of each document's perplexity is
another number, and no perplexity of the text. Whether the ``<doc>`` that closes a
document is scored has to be said: it costs nats, and has no byte.
@shannon1948mathematical @kullback1951information
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from pretrain.corpora.document import Document
from pretrain.errors import EmptyLossError, PretrainError

LN2 = math.log(2)


# -- distributions ----------------------------------------------------------------


def entropy(p: np.ndarray) -> np.ndarray:
    """H(p) in nats along the last axis: (…, V) to (…), with 0·ln 0 = 0.

    Raises PretrainError for what is no distribution.
    """
    p = _distribution(p)
    return -(p * _log(p)).sum(-1) + 0.0


def cross_entropy(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """H(p, q) = −Σ p·ln q in nats along the last axis, which is H(p) + KL(p‖q).

    Raises PretrainError for what is no distribution, for different sizes, and where q
    gives no probability to what p has: the loss is infinite there.
    """
    p, q = _pair(p, q)
    return -(p * _log(q)).sum(-1) + 0.0


def kl_divergence(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """KL(p‖q) = Σ p·ln(p/q) in nats along the last axis; 0 only where p = q.

    It is not symmetric. Raises PretrainError as :func:`cross_entropy` does.
    """
    p, q = _pair(p, q)
    return (p * (_log(p) - _log(q))).sum(-1)


def _log(p: np.ndarray) -> np.ndarray:
    """ln p, and 0 where p is 0 (where it is multiplied by 0, or refused before)."""
    return np.log(np.where(p > 0, p, 1.0))


def _pair(p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    p, q = _distribution(p), _distribution(q)
    if p.shape[-1] != q.shape[-1]:
        raise PretrainError(
            f"distributions over {p.shape[-1]} and {q.shape[-1]} outcomes cannot be "
            "compared: give both over the same"
        )
    p, q = np.broadcast_arrays(p, q)
    missing = np.argwhere((p > 0) & (q == 0))
    if len(missing):
        at = tuple(missing[0])
        raise PretrainError(
            f"q gives probability 0 to outcome {at[-1]}, which p gives {p[at]:.3g}: "
            "the cross-entropy is infinite, so give q some mass wherever p has some"
        )
    return p, q


def _distribution(p: np.ndarray) -> np.ndarray:
    p = np.asarray(p, dtype=np.float64)
    if p.ndim == 0 or not p.shape[-1]:
        raise PretrainError("a distribution over no outcomes: give an array (…, V)")
    # A float32 softmax over 50,000 outcomes sums to 1 within some 1e-6.
    if not ((p >= 0).all() and (np.abs(p.sum(-1) - 1) <= 1e-5).all()):
        raise PretrainError(
            "these numbers are no distribution: each must be 0 or more, and they must "
            "sum to 1 along the last axis (pass probabilities, not logits)"
        )
    return p


# -- one loss in its units --------------------------------------------------------


@dataclass(frozen=True)
class Counts:
    """What a total of nats can be divided by.

    tokens: the scored tokens; with ``closing``, the ``<doc>`` of each document too.
    characters: Unicode code points of the text. bytes: its length in UTF-8.
    """

    tokens: int
    characters: int
    bytes: int
    closing: bool

    @classmethod
    def of(cls, documents: Sequence[Document], *, closing: bool) -> Self:
        """The counts of whole documents, their ``<doc>`` counted as a token or not."""
        return cls(
            tokens=sum(len(d.tokens) + closing for d in documents),
            characters=sum(len(d.text) for d in documents),
            bytes=sum(d.bytes for d in documents),
            closing=closing,
        )

    @property
    def tokens_per_byte(self) -> float:
        """How many tokens stand for one byte; its inverse is the compression."""
        return _over(self.tokens, self.bytes, "bytes")


@dataclass(frozen=True)
class Rates:
    """A total of nats over counted text, in each of the units that are reported.

    Raises EmptyLossError where the unit does not occur in the text.
    """

    nats: float
    counts: Counts

    @classmethod
    def of(
        cls,
        token_nats: Sequence[np.ndarray],
        documents: Sequence[Document],
        *,
        closing: bool,
    ) -> Self:
        """From the nats of each token: for each document (T+1,), its ``<doc>`` last.

        Without ``closing`` the last of each is left out, of the sum as of the count.
        Raises PretrainError when tokens and nats do not fit.
        """
        for document, nats in zip(documents, token_nats, strict=True):
            if len(nats) != len(document.tokens) + 1:
                raise PretrainError(
                    f"{len(nats)} nats for {len(document.tokens)} tokens and a closing "
                    "<doc>: give one for each, of a model that scores every token"
                )
        end = None if closing else -1
        total = math.fsum(float(x) for nats in token_nats for x in nats[:end])
        return cls(total, Counts.of(documents, closing=closing))

    @property
    def nats_per_token(self) -> float:
        return _over(self.nats, self.counts.tokens, "tokens")

    @property
    def bits_per_token(self) -> float:
        return self.nats_per_token / LN2

    @property
    def perplexity(self) -> float:
        """exp of the nats per token, over all tokens together; infinite above 709."""
        return perplexity([self.nats], [self.counts.tokens])

    @property
    def bits_per_character(self) -> float:
        return _over(self.nats, self.counts.characters, "characters") / LN2

    @property
    def bits_per_byte(self) -> float:
        return _over(self.nats, self.counts.bytes, "bytes") / LN2


def perplexity(nats: Sequence[float], counts: Sequence[int]) -> float:
    """exp(Σ nats / Σ counts): of documents, or batches, of any sizes.

    Raises EmptyLossError when nothing was counted.
    """
    mean = _over(math.fsum(nats), int(np.sum(counts)), "tokens")
    return math.exp(mean) if mean < 709 else math.inf


def bits(nats: float) -> float:
    """Nats in bits."""
    return nats / LN2


def bits_per_byte(perplexity: float, tokens_per_byte: float) -> float:
    """From a perplexity per token: log2 of it, times tokens per byte."""
    return math.log2(perplexity) * tokens_per_byte


def perplexity_from(bits_per_byte: float, tokens_per_byte: float) -> float:
    """The perplexity per token that a tokenizer with this compression would report."""
    return 2.0 ** (bits_per_byte / tokens_per_byte)


def word_perplexity(nats: float, words: int) -> float:
    """exp(Σ nats / words): per word of the original text, whatever the tokens were.

    What papers report on WikiText; the end of a line or a document is a word there if
    they say so.
    """
    return perplexity([nats], [words])


def _over(total: float, count: int, unit: str) -> float:
    if not count:
        raise EmptyLossError(f"the text holds no {unit}, so there is no mean over them")
    return total / count
