"""Prefix language modeling: read a prefix from both sides, write the rest.

    tokens   <doc>  The   cat   sat    on   the   mat    .   <doc>      k = 3
    inputs   <doc>  The   cat   sat    on   the   mat    .
    targets  −100  −100  −100    on   the   mat    .   <doc>
    seen     [two-way: <doc> and k tokens]  [causal: itself and all before it]

Every document of a packed row has a prefix of its own, so a row of short documents
trains as many splits as it holds documents. k counts the document's tokens after its
``<doc>``. A target is scored where no position that can see it is asked for it: from
the last token of the prefix on. With k = 0 the batch is the causal one. The split is
drawn uniformly, as in @raffel2020exploring, or fixed, or a share of the document.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pretrain.attention import Pattern, causal, same_document
from pretrain.batch import PADDING, Batch, Rows
from pretrain.errors import PretrainError
from pretrain.losses import IGNORE
from pretrain.objectives.base import Objective
from pretrain.objectives.causal import Causal
from pretrain.random import Generator, uniform
from pretrain.tokens import Tokenizer


@dataclass(frozen=True)
class Prefix(Objective):
    """The prefix objective. @raffel2020exploring @dong2019unified

    k: the length of every prefix in tokens; None draws it, or takes ``share``. A
        document of k tokens or fewer keeps its last one to be written.
    share: the length of every prefix as a share of its document in the row, 0 ≤ share
        < 1, rounded down. With neither, k is uniform on 0 … n − 1 for n tokens.

    Attention always stays inside each document: a prefix belongs to one.
    """

    k: int | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        if self.k is not None and self.share is not None:
            raise PretrainError(
                f"a prefix of k = {self.k} tokens and of a share {self.share}: give "
                "one of the two, or neither to draw it"
            )
        if self.k is not None and self.k < 0:
            raise PretrainError(f"a prefix of {self.k} tokens: give 0 or more")
        share = self.share
        if share is not None and not (math.isfinite(share) and 0 <= share < 1):
            raise PretrainError(
                f"the prefix's share is {share}: give 0 ≤ share < 1, so that something "
                "is left to write"
            )

    def __call__(
        self,
        rows: Rows,
        tokenizer: Tokenizer | None = None,
        generator: Generator | None = None,
    ) -> Batch:
        """Rows (B,T+1) to a batch (B,T).

        Raises PretrainError when the rows hold fewer than two tokens, or when the split
        is to be drawn and there is no generator.
        """
        batch = Causal()(rows)
        prefix = self.lengths(batch, generator)  # (B,T)
        if not prefix.any():
            return batch
        seen = causal() | two_way(in_prefix(batch, prefix))
        written = _places(batch.documents) >= prefix
        return replace(
            batch,
            targets=batch.targets.masked_fill(~written, IGNORE),
            attention=seen & same_document(batch.documents),
        )

    def lengths(self, batch: Batch, generator: Generator | None = None) -> Tensor:
        """(B,T): k of the document that each position belongs to; 0 for padding."""
        n = _sizes(batch.documents) - 1  # tokens after <doc>
        if self.k is not None:
            k = torch.full_like(n, self.k)
        elif self.share is not None:
            # 0.3 · 10 is 3, and a binary fraction a little below it is too.
            k = (self.share * n.double() + 1e-9).long()
        else:
            if generator is None:
                raise PretrainError(
                    "the prefix's length is drawn, which needs a generator: pass "
                    "torch.Generator().manual_seed(0), or fix k or share"
                )
            draw = uniform(n.shape, generator)
            first = torch.arange(n.shape[1]) - _places(batch.documents)
            k = (draw.gather(1, first) * n).long()
        k = torch.minimum(k, n - 1).clamp(min=0)
        return k.masked_fill(batch.documents == PADDING, 0)

    def for_evaluation(self) -> "Prefix":
        """Where training draws the split, every document is scored at its half.

        A fixed k or share is scored as it is trained.
        """
        return Prefix(share=0.5) if self.k is None and self.share is None else self


def in_prefix(batch: Batch, lengths: Tensor) -> Tensor:
    """(B,T) True at ``<doc>`` and at the k tokens after it; False at padding."""
    inside = _places(batch.documents) <= lengths
    return inside & (batch.documents != PADDING)


def two_way(prefix: Tensor) -> Pattern:
    """Every position sees the marked ones: (B,T) booleans.

    Combine it: ``(causal() | two_way(marked)) & same_document(documents)`` gives every
    document of a packed row a prefix of its own.
    """

    def rule(b: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return prefix.to(k.device)[b, k] & (q == q)

    return Pattern("prefix", rule, len(prefix))


def _places(documents: Tensor) -> Tensor:
    """(B,T): how many positions of its document stand before each position."""
    index = torch.arange(documents.shape[1]).expand_as(documents)
    starts = torch.ones_like(documents, dtype=torch.bool)
    starts[:, 1:] = documents[:, 1:] != documents[:, :-1]
    return index - torch.where(starts, index, 0).cummax(1).values


def _sizes(documents: Tensor) -> Tensor:
    """(B,T): how many positions the document of each position has in this row."""
    shifted = documents + 1  # padding is number 0
    counts = torch.zeros(len(documents), int(shifted.max()) + 1, dtype=torch.long)
    counts.scatter_add_(1, shifted, torch.ones_like(shifted))
    return counts.gather(1, shifted)
