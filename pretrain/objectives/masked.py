"""Masked language modeling: hide some tokens and predict them from both sides.

    tokens    <doc>   The    cat    sat    on    the    mat    .
    chosen              .     ×      .      .     .      ×     .     15 to 40 %
    inputs    <doc>   The  <mask>   sat    on    the    hat    .
    targets   −100   −100   cat    −100  −100   −100   mat   −100
    seen      every position of the same document

A chosen token becomes ``<mask>`` (80 %), a random token (10 %) or stays (10 %) in
BERT's split (@devlin2019bert). It is scored in all three cases: the loss looks at what
was chosen, not at what was changed. Special tokens are never chosen. No masked token
is predicted from another one's true value, so the sum of their losses is *not* a joint
log-likelihood.

At least one token of every batch is chosen, as in BERT's own data script: at rate 0.15
a row of ten tokens draws an empty mask one time in five, and an empty mask has no mean.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from pretrain.attention import full, same_document
from pretrain.batch import PADDING, Batch, Rows
from pretrain.errors import PretrainError
from pretrain.losses import IGNORE
from pretrain.objectives.base import Objective
from pretrain.random import Generator, uniform
from pretrain.tokens import Tokenizer

BERT_SPLIT = (0.8, 0.1, 0.1)
ALL_MASK = (1.0, 0.0, 0.0)


@dataclass(frozen=True)
class Masked(Objective):
    """The masked objective.

    rate: share of the ordinary tokens that are chosen, 0 < rate ≤ 1. 0.3 by default,
        which beat 0.15 at equal tokens in our runs and in @wettig2023should.
    split: shares of the chosen tokens that become ``<mask>``, become a random token, or
        stay as they are. They sum to 1.
    exact: choose exactly ``round(rate · n)`` of a row's n ordinary tokens, and at least
        one (with whole words: the last word is completed). Otherwise each token is
        drawn independently.
    whole_words: choose words, not pieces of them: the draw is made once for a word and
        holds for all its tokens.
    within_documents: keep attention inside each document of a packed row.
    """

    alignment: ClassVar[Literal["next", "same"] | None] = "same"

    rate: float = 0.3
    split: tuple[float, float, float] = BERT_SPLIT
    exact: bool = False
    whole_words: bool = False
    within_documents: bool = True

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate) and 0.0 < self.rate <= 1.0):
            raise PretrainError(
                f"the masking rate is {self.rate}: give a share above 0 and up to 1, "
                "such as 0.15 (with 0 nothing would be scored)"
            )
        shares = self.split
        valid = len(shares) == 3 and all(share >= 0 for share in shares)
        if not (valid and abs(sum(shares) - 1) <= 1e-9):  # NaN is never valid
            raise PretrainError(
                f"the split {shares} must hold three shares ≥ 0 that sum to 1: "
                "<mask>, random, unchanged; BERT's is (0.8, 0.1, 0.1)"
            )

    def __call__(
        self,
        rows: Rows,
        tokenizer: Tokenizer,
        generator: Generator,
    ) -> Batch:
        """Rows (B,T+1) to a batch (B,T); the rows' last column is not used.

        Raises PretrainError when the tokenizer has no ``<mask>``, or when the rows
        hold no ordinary token to choose.
        """
        if tokenizer.special.mask is None:
            raise PretrainError(
                "this tokenizer has no <mask> token, so nothing can be masked: build "
                "it with mask=True"
            )
        tokens = rows.tokens[:, :-1]
        documents = rows.documents[:, :-1]
        chosen = self.choose(tokens, tokenizer, generator)
        attention = full()
        if self.within_documents and (documents != 0).any():
            attention = attention & same_document(documents)
        elif (documents == PADDING).any():
            attention = attention & same_document(documents.clamp(max=0))
        return Batch(
            inputs=self.corrupt(tokens, chosen, tokenizer, generator),
            targets=tokens.masked_fill(~chosen, IGNORE),
            attention=attention,
            positions=rows.positions[:, :-1],
            documents=documents,
        )

    def for_evaluation(self) -> "Masked":
        """How every masked model is scored, whatever it was trained with.

        15 %, an exact count a row, all ``<mask>``: with one fixed generator the same
        positions are hidden for every model, so that runs compare.
        """
        return Masked(
            0.15, ALL_MASK, exact=True, within_documents=self.within_documents
        )

    def choose(
        self, tokens: Tensor, tokenizer: Tokenizer, generator: Generator
    ) -> Tensor:
        """(B,T) True at the tokens that will be scored. At least one of them is."""
        ordinary = ~torch.isin(tokens, torch.tensor(tokenizer.special.ids))
        if not ordinary.any():
            raise PretrainError(
                "these rows hold special tokens only, so there is nothing to mask: "
                "give documents of one token or more"
            )
        # One uniform number a token, or a word: the chosen are those that drew low.
        draw = uniform(tokens.shape, generator)
        if self.whole_words:
            starts = torch.tensor(tokenizer.is_word_start)  # a copy: it is read-only
            draw = _shared_by_word(draw, tokens, ordinary, starts)
        draw = draw.masked_fill(~ordinary, 2.0)  # above every possible threshold
        if not self.exact:
            chosen = draw < self.rate
            return chosen if chosen.any() else draw == draw.min()
        wanted = (self.rate * ordinary.sum(1).double()).round().clamp(min=1).long()
        if not self.whole_words:
            order = draw.argsort(dim=1, stable=True)  # first of equals first
            rank = order.argsort(1)  # (B,T) 0 for the lowest draw of a row
            return (rank < wanted[:, None]) & ordinary
        # Words are kept whole, so the last one may bring a few tokens more.
        threshold = draw.sort(1).values.gather(1, wanted[:, None] - 1)
        return (draw <= threshold) & ordinary

    def corrupt(
        self,
        tokens: Tensor,
        chosen: Tensor,
        tokenizer: Tokenizer,
        generator: Generator,
    ) -> Tensor:
        """A copy of the tokens (B,T) with the chosen ones masked, replaced or kept.

        Random tokens are drawn from the ordinary vocabulary: never a special one. (The
        original may be drawn again, with chance 1/V, as in BERT's own code.)
        """
        special, vocab_size = tokenizer.special, tokenizer.vocab_size
        masked_share, random_share, _ = self.split
        lot = uniform(tokens.shape, generator)
        to_mask = chosen & (lot < masked_share)
        to_random = chosen & (lot >= masked_share) & (lot < masked_share + random_share)
        inputs = tokens.masked_fill(to_mask, special.mask)
        if random_share:
            span = (special.first_extra or vocab_size) - special.reserved
            picks = (uniform(tokens.shape, generator) * span).long() + special.reserved
            inputs = torch.where(to_random, picks, inputs)
        return inputs


def _shared_by_word(
    draw: Tensor, tokens: Tensor, ordinary: Tensor, word_starts: Tensor
) -> Tensor:
    """Give every piece of a word the draw of the word's first piece.

    A special token always ends a word, whatever follows it.
    """
    starts = word_starts[tokens] | ~ordinary
    starts[:, 1:] |= ~ordinary[:, :-1]
    starts[:, 0] = True
    index = torch.arange(tokens.shape[1]).expand_as(tokens)
    first = torch.where(starts, index, 0).cummax(1).values
    return draw.gather(1, first)
