"""Sentence pairs: does B follow A (NSP)? Are A and B in order (SOP)?

    document       Mira has a cat . | It sat on the mat .          A | B
    NSP, half      <doc> A <doc> B       <doc>      label 0        true pairs
         half      <doc> A <doc> another <doc>      label 1        B of another document
    SOP, half      <doc> A <doc> B <doc>            label 0        in order
         half      <doc> B <doc> A <doc>            label 1        swapped
    segment          0  0   0   1   1
    scored         the pair, at the first position, and 15 % masked tokens as ever

``<doc>`` separates, so that no tokenizer needs another token. NSP is BERT's
(@devlin2019bert); SOP is ALBERT's (@lan2020albert), who conjecture that topic gives
NSP's negatives away. ``same_kind=True`` takes them from a document of the same kind.

The loss is the mean over masked tokens plus the mean over pairs, both over the whole
batch: each token weighs (M+P)/M and each pair (M+P)/P, and the sum is divided by M+P.
So micro-batches add up to the same gradient, however their masks fell.

Two confounds are held still. Couples of documents swap their second segments, so a
batch holds the same segments with NSP as without. And to train *without* the pair loss
on the same rows, set ``pair_weight=0`` (the negatives stay) or ``kind=None`` (all in
order); RoBERTa's comparison changed the length of the text as well (@liu2019roberta).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor

from pretrain.attention import full, same_document
from pretrain.batch import PADDING, Batch
from pretrain.corpora.segments import Segments, pieces, segments
from pretrain.errors import PretrainError
from pretrain.losses import IGNORE, Loss, token_losses
from pretrain.objectives.base import Objective
from pretrain.objectives.masked import BERT_SPLIT, Masked
from pretrain.packing import Strategy
from pretrain.random import Generator, uniform
from pretrain.tokens import Tokenizer

BELONGS, DOES_NOT = 0, 1
BERT_MASKING = Masked(0.15, BERT_SPLIT)


@dataclass(frozen=True, kw_only=True)
class PairBatch(Batch):
    """A batch of segment pairs.

    segments (B,T): 0 for ``<doc> A <doc>``, 1 for ``B <doc>``; 0 on padding.
    labels (B,): 0 the pair belongs so, 1 it does not, −100 not scored.
    pair_weights (B,): what each pair's loss is multiplied by; ``weights`` are the
        masked tokens'.
    """

    segments: Tensor
    labels: Tensor
    pair_weights: Tensor

    @property
    def count(self) -> int:
        """Scored tokens plus scored pairs: what the weighted sum is divided by."""
        return int(self.scored.sum()) + int((self.labels != IGNORE).sum())


@dataclass(frozen=True)
class Pairs(Objective):
    """Sentence pairs, with masked language modeling beside them.

    kind: "nsp", "sop", or None for the same pairs in order and no pair loss.
    masked: how tokens are masked; None for the pair loss alone.
    same_kind: couple documents of one kind, so that the topic tells less.
    kinds: read documents of these kinds only.
    pair_weight: the pair loss is multiplied by it; 0 keeps the data and drops the loss.
    opening: False passes over the first sentence of each document. A first sentence
        introduces ("Mira has a cat") and so gives the order away by itself.

    A model for it has ``hidden(inputs, attention, positions, segments)``, ``logits``
    and ``pair_logits``, as ``heads.PairModel`` has.
    """

    alignment: ClassVar[Literal["next", "same"] | None] = None
    reads_rows: ClassVar[bool] = False

    kind: Literal["nsp", "sop"] | None = "nsp"
    masked: Masked | None = BERT_MASKING
    same_kind: bool = False
    kinds: tuple[str, ...] | None = None
    pair_weight: float = 1.0
    opening: bool = True

    def __post_init__(self) -> None:
        if self.kind not in ("nsp", "sop", None):
            raise PretrainError(
                f"the kind of pairs is {self.kind!r}: choose 'nsp', 'sop' or None"
            )
        if self.kind is None and self.masked is None:
            raise PretrainError(
                "nothing would be scored: choose kind 'nsp' or 'sop', or give masked"
            )
        if not (math.isfinite(self.pair_weight) and self.pair_weight >= 0):
            raise PretrainError(f"pair_weight is {self.pair_weight}: give 0 or more")

    def read(
        self,
        corpus,
        split: str,
        seed: int,
        *,
        rows: int,
        length: int,
        packing: Strategy = "whole",
        skip: int = 0,
    ) -> Iterator[list[Segments]]:
        """Lists of ``rows`` documents cut in two; 2i and 2i+1 are a couple.

        Each segment has (length − 3) // 2 tokens at most. ``packing`` is not used.
        """
        half = (length - 3) // 2
        found = segments(corpus, split, seed, half, self.kinds, self.opening)
        return pieces(found, rows, self.same_kind, skip)

    def __call__(
        self, piece: list[Segments], tokenizer: Tokenizer, generator: Generator
    ) -> PairBatch:
        """Segments of B documents to a batch (B,T).

        Raises PretrainError when NSP gets an odd number of documents.
        """
        if not piece or (self.kind == "nsp" and len(piece) % 2):
            raise PretrainError(
                f"NSP needs couples of documents, and got {len(piece)} documents: give "
                "an even number"
            )
        # Drawn whatever the kind, so that the same tokens are masked in every arm.
        false = uniform((len(piece),), generator) < 0.5  # (B,)
        if self.kind == "nsp":
            false = false[::2].repeat_interleave(2)  # both of a couple, or none
        both = [self._arrange(piece, i, bool(f)) for i, f in enumerate(false)]
        tokens, numbers, documents = _rows(both, tokenizer)  # each (B,T)
        attention = full()
        if (documents == PADDING).any():
            attention = attention & same_document(documents)
        chosen = torch.zeros_like(tokens, dtype=torch.bool)
        inputs = tokens
        if self.masked is not None:
            if tokenizer.special.mask is None:
                raise PretrainError(
                    "this tokenizer has no <mask> token, so nothing can be masked: "
                    "build it with mask=True, or give masked=None"
                )
            chosen = self.masked.choose(tokens, tokenizer, generator)
            inputs = self.masked.corrupt(tokens, chosen, tokenizer, generator)
        labels = false.long() if self.kind else torch.full((len(piece),), IGNORE)
        masks, pairs = int(chosen.sum()), len(piece) if self.kind else 0
        each = (masks + pairs) / max(masks, 1)
        each_pair = self.pair_weight * (masks + pairs) / max(pairs, 1)
        return PairBatch(
            inputs=inputs,
            targets=tokens.masked_fill(~chosen, IGNORE),
            attention=attention,
            positions=torch.arange(tokens.shape[1]).expand_as(tokens),
            documents=documents,
            weights=torch.full(tokens.shape, each),
            segments=numbers,
            labels=labels,
            pair_weights=torch.full((len(piece),), each_pair),
        )

    def for_evaluation(self) -> "Pairs":
        """The same pairs, masked as every masked model is scored."""
        return replace(self, masked=self.masked and self.masked.for_evaluation())

    def loss(self, model, batch: PairBatch) -> Loss:
        """Σ weighted losses over count; the parts are ``mlm`` and ``pairs``."""
        hidden = model.hidden(
            batch.inputs, batch.attention, batch.positions, batch.segments
        )  # (B,T,D)
        scored, paired = batch.scored, batch.labels != IGNORE
        total, parts = hidden.sum() * 0.0, {}
        if scored.any():
            each = token_losses(model.logits(hidden[scored]), batch.targets[scored])
            total = total + (each * batch.weights[scored]).sum()
            parts["mlm"] = Loss(each.sum(), scored.sum())
        if paired.any():
            each = token_losses(model.pair_logits(hidden), batch.labels)  # (B,)
            total = total + (each * batch.pair_weights).sum()
            parts["pairs"] = Loss(each.sum(), paired.sum())
        return Loss(total, scored.sum() + paired.sum(), parts)

    def metrics(self, model, batch: PairBatch) -> dict[str, Loss]:
        """``accuracy`` of the pairs, the likelier label taken."""
        if self.kind is None:
            return {}
        hidden = model.hidden(
            batch.inputs, batch.attention, batch.positions, batch.segments
        )
        right = model.pair_logits(hidden).argmax(-1) == batch.labels  # (B,)
        return {"accuracy": Loss(right.float().sum(), torch.tensor(len(right)))}

    def _arrange(self, piece: list[Segments], i: int, false: bool):
        own = piece[i]
        if self.kind == "sop" and false:
            return own.second, own.first
        if self.kind == "nsp" and false:
            return own.first, piece[i ^ 1].second  # i ^ 1 is the other of the couple
        return own.first, own.second


def _rows(both: list[tuple], tokenizer: Tokenizer) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens, segment numbers and document numbers (B,T), padded to the longest."""
    doc, pad = tokenizer.special.doc, tokenizer.special.pad
    size = max(len(first) + len(second) for first, second in both) + 3
    tokens, numbers, documents = [], [], []
    for first, second in both:
        left, right = [doc, *first, doc], [*second, doc]
        rest = size - len(left) - len(right)
        tokens.append(left + right + [pad] * rest)
        numbers.append([0] * len(left) + [1] * len(right) + [0] * rest)
        documents.append([0] * (size - rest) + [PADDING] * rest)
    return torch.tensor(tokens), torch.tensor(numbers), torch.tensor(documents)
