"""Fill-in-the-middle: a causal model learns to write what belongs between two texts.

    document   The cat | sat on the | mat .             cut at two places
    PSM        <doc> <prefix> The cat <suffix> mat . <middle> sat on the <doc>
    SPM        <doc> <prefix> <suffix> mat . <middle> The cat sat on the <doc>

Only the order of the document changes; the model, its causal pattern and the loss on
*all* tokens stay (@bavarian2022efficient). At use the prompt ends where the middle
begins, and the ``<doc>`` that the model writes says that the middle now joins the
suffix. SPM is the paper's second variant, in which the prefix and the middle stand
together as they do in text; both orders are trained, half of the rewritten documents
each.

Documents are cut, never rows: each document of a packed row is rewritten, or not, by
itself, and rows come out up to three tokens a document longer. Cuts fall between
*tokens*. The paper cuts between characters, so that a middle may begin inside a word;
with whole tokens a model has not seen that, so do not ask it to.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from pretrain.batch import Batch, Rows
from pretrain.errors import PretrainError
from pretrain.objectives.base import Objective
from pretrain.objectives.causal import Causal
from pretrain.objectives.rewriting import Piece, pieces
from pretrain.packing import rows_from
from pretrain.random import Generator, uniform
from pretrain.tokens import Special, Tokenizer

NAMES = ("<prefix>", "<suffix>", "<middle>")
DRAWS = 4


@dataclass(frozen=True)
class FillInTheMiddle(Objective):
    """Causal modeling of documents of which some are reordered. @bavarian2022efficient

    rate: the share of documents that are reordered, 0 ≤ rate ≤ 1; 0 is causal.
    spm: the share of those in the order suffix, prefix, middle.
    """

    alignment: ClassVar[Literal["next", "same"] | None] = None

    rate: float = 0.5
    spm: float = 0.5

    def __post_init__(self) -> None:
        for name, share in (("rate", self.rate), ("spm", self.spm)):
            if not (math.isfinite(share) and 0 <= share <= 1):
                raise PretrainError(f"{name} is {share}: give a share from 0 to 1")

    @property
    def extra_tokens(self) -> tuple[str, ...]:
        """``<prefix>``, ``<suffix>``, ``<middle>``."""
        return NAMES

    def __call__(
        self, rows: Rows, tokenizer: Tokenizer, generator: Generator
    ) -> Batch:
        """Rows (B,T+1) to a batch (B,≥T); the tokens of documents are reordered.

        Raises PretrainError when the tokenizer lacks the three tokens, or the rows
        hold fewer than two tokens.
        """
        special = tokenizer.special
        special.extra(NAMES[0])  # or it raises
        if not self.rate:
            return Causal()(rows)
        lots = uniform((*rows.tokens.shape, DRAWS), generator).double().numpy()
        numbers = rows.documents.tolist()
        ribbons = [
            self._ribbon(pieces(tokens, numbers[i], special.doc), lots[i], special)
            for i, tokens in enumerate(rows.tokens.tolist())
        ]
        longest = max(map(len, ribbons))
        filled = [[*r, *[special.pad] * (longest - len(r))] for r in ribbons]
        return Causal()(rows_from(filled, special))

    def _ribbon(
        self, documents: list[Piece], lots: np.ndarray, special: Special
    ) -> list[int]:
        """One row's documents again, one after another, some reordered."""
        found, ended = [], True
        for piece in documents:
            found += [special.doc] * piece.opened
            draw = lots[piece.start]
            reordered = bool(draw[0] < self.rate)
            spm = bool(draw[1] < self.spm)
            if reordered:
                found += reorder(piece.tokens, draw[2:], spm, special)
            else:
                found += piece.tokens
            ended = piece.closed or reordered  # a middle ends, wherever the row does
        return [*found, special.doc] if ended else found

    def prompt(
        self,
        before: list[int],
        after: list[int],
        tokenizer: Tokenizer,
        order: Literal["psm", "spm"] = "psm",
    ) -> list[int]:
        """What to ``generate`` from, for the text between two: it stops by itself.

        In the order "spm" the prompt ends with the text before, as in training.
        """
        special = tokenizer.special
        opens, turns, fills = map(special.extra, NAMES)
        if order == "psm":
            return [opens, *before, turns, *after, fills]
        if order == "spm":
            return [opens, turns, *after, fills, *before]
        raise PretrainError(f"the order is {order!r}: choose 'psm' or 'spm'")


def reorder(
    tokens: list[int], lots: np.ndarray, spm: bool, special: Special
) -> list[int]:
    """A document cut at two places, its middle last.

    lots: two uniform numbers, one for each cut; the n + 1 places are equally likely, so
    any of the three parts may be empty.
    """
    first, second = sorted(int(lot * (len(tokens) + 1)) for lot in lots)
    before, middle, after = tokens[:first], tokens[first:second], tokens[second:]
    opens, turns, fills = map(special.extra, NAMES)
    if spm:
        return [opens, turns, *after, fills, *before, *middle]
    return [opens, *before, turns, *after, fills, *middle]


def restore(tokens: list[int], special: Special) -> list[int]:
    """The document that was reordered; one that was not comes back as it is.

    Raises PretrainError when the three tokens are not there once each and in order.
    """
    marks = [special.extra(name) for name in NAMES]
    if not set(marks) & set(tokens):
        return list(tokens)
    if [token for token in tokens if token in marks] != marks or tokens[0] != marks[0]:
        raise PretrainError(
            "this is no reordered document: <prefix>, <suffix> and <middle> must be "
            "there once each, in this order, and <prefix> first"
        )
    turns, fills = tokens.index(marks[1]), tokens.index(marks[2])
    return tokens[1:turns] + tokens[fills + 1 :] + tokens[turns + 1 : fills]
