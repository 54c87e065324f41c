"""What span corruption, denoising and their mixture share: a source and an answer.

    document   The cat sat on the mat .            rewritten, one document at a time
    source     <doc>  The  <extra_0>  on  the  mat  .
    answer     <extra_0>  cat  sat  <extra_1>

The pair becomes a batch in one of two forms:

    one-stack         one row, source then <doc> then answer, under a prefix pattern:
                      the source and the <doc> that opens the answer are seen from both
                      sides, the answer is causal, and it alone is scored
    encoder-decoder   the source for the encoder; for the decoder <doc> and the answer
                      up to its last token, causal, which sees the source

Several documents share a row, as they do in packed rows, and see only themselves. Rows
come out longer than they went in (by a half or more in one stack), so the model's
context has to be longer than the rows that were packed.

Every token of a row gets a few uniform numbers of its own, and a document's rewriting
is a plain function of its tokens and their numbers: it depends on no neighbor.
"""

from dataclasses import dataclass
from itertools import chain
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from pretrain.attention import causal, same_document
from pretrain.batch import PADDING, Batch, Rows
from pretrain.errors import PretrainError
from pretrain.losses import IGNORE
from pretrain.objectives.base import Objective
from pretrain.objectives.prefix import two_way
from pretrain.random import Generator, uniform
from pretrain.tokens import Tokenizer

Form = Literal["one-stack", "encoder-decoder"]
Pair = tuple[list[int], list[int]]


@dataclass(frozen=True)
class PairBatch(Batch):
    """A batch for an encoder–decoder: the fields of ``Batch`` are the decoder's.

    source (B,S), source_documents (B,S), source_positions (B,S): what the encoder
        reads. An answer sees the source of the document with its own number.
    """

    source: Tensor | None = None
    source_documents: Tensor | None = None
    source_positions: Tensor | None = None


@dataclass(frozen=True)
class Piece:
    """A document, or the part of it that a row holds, without its ``<doc>``.

    opened, closed: whether the ``<doc>`` before it and the one after it are there.
    start: the column of its first token.
    """

    tokens: list[int]
    start: int
    opened: bool
    closed: bool


def pieces(tokens: list[int], numbers: list[int], doc: int) -> list[Piece]:
    """The documents of one row that hold a token, without padding.

    numbers: the documents that the tokens belong to; they may stop before the row's
    last token, which then only tells whether a document is closed.
    """
    found, start, end = [], 0, len(numbers)
    while start < end and numbers[start] != PADDING:
        stop = start
        while stop < end and numbers[stop] == numbers[start]:
            stop += 1
        opened = tokens[start] == doc
        first = start + opened
        if first < stop:
            closed = stop < len(tokens) and tokens[stop] == doc
            found.append(Piece(tokens[first:stop], first, opened, closed))
        start = stop
    return found


class Rewriting(Objective):
    """The base of objectives that turn a document into a source and an answer.

    A subclass is a frozen dataclass with a field ``form``, and says how to ``rewrite``.

    draws: how many uniform numbers each token gets.
    shortest: documents of fewer tokens are left out.
    """

    alignment: ClassVar[Literal["next", "same"] | None] = None
    draws: ClassVar[int] = 1
    shortest: ClassVar[int] = 1
    form: Form

    def rewrite(
        self, tokens: list[int], lots: np.ndarray, closed: bool, tokenizer: Tokenizer
    ) -> Pair:
        """A document of n tokens, its uniform numbers (n, draws): source and answer.

        Without the ``<doc>`` that opens either. ``closed``: the document ends here.
        """
        raise NotImplementedError

    def __call__(
        self, rows: Rows, tokenizer: Tokenizer, generator: Generator
    ) -> Batch | PairBatch:
        """Rows (B,T+1) to a batch; its rows are as long as the longest one needs.

        Raises PretrainError when no document is long enough, or the tokenizer lacks a
        token that the objective needs.
        """
        doc = tokenizer.special.doc
        B, T = rows.tokens[:, :-1].shape
        lots = uniform((B, T, self.draws), generator).double().numpy()
        pairs: list[list[Pair]] = []
        numbers = rows.documents[:, :-1].tolist()
        for row, tokens in enumerate(rows.tokens.tolist()):
            pairs.append([])
            for piece in pieces(tokens, numbers[row], doc):
                if len(piece.tokens) < self.shortest:
                    continue
                own = lots[row, piece.start : piece.start + len(piece.tokens)]
                pair = self.rewrite(piece.tokens, own, piece.closed, tokenizer)
                pairs[-1].append(pair)
        if not any(pairs):
            raise PretrainError(
                f"no document of these rows holds {self.shortest} tokens or more, so "
                "there is nothing to corrupt: give longer documents or longer rows"
            )
        join = one_stack if self.form == "one-stack" else two_stacks
        return join(pairs, doc, tokenizer.special.pad)

    def hidden(self, model, batch: Batch) -> Tensor:
        """The states (B,T,D) from which the model's logits are made."""
        if not isinstance(batch, PairBatch):
            return super().hidden(model, batch)
        if not hasattr(model, "encode"):
            raise PretrainError(
                "this objective makes pairs for an encoder–decoder, and the model has "
                "one stack: build it with EncoderDecoderConfig, or use form='one-stack'"
            )
        return model.hidden(
            batch.inputs,
            batch.attention,
            batch.positions,
            source=batch.source,
            documents=batch.documents,
            source_documents=batch.source_documents,
            source_positions=batch.source_positions,
        )


def check_form(form: str) -> None:
    """Raises PretrainError for a form that is none of the two."""
    if form not in ("one-stack", "encoder-decoder"):
        raise PretrainError(
            f"the form {form!r} is unknown: choose 'one-stack' or 'encoder-decoder'"
        )


def check_rate(rate: float, name: str) -> None:
    """Raises PretrainError unless 0 < rate < 1."""
    if not 0 < rate < 1:  # NaN is not
        raise PretrainError(
            f"the {name} is {rate}: give a share above 0 and below 1, such as 0.15"
        )


def one_stack(pairs: list[list[Pair]], doc: int, pad: int) -> Batch:
    """Each row's pairs, one after another: source, ``<doc>``, answer."""
    inputs, targets, inside = [], [], []
    for row in pairs:
        inputs.append([[doc, *source, doc, *answer[:-1]] for source, answer in row])
        targets.append([[IGNORE] * (len(s) + 1) + answer for s, answer in row])
        inside.append([[1] * (len(s) + 2) + [0] * (len(a) - 1) for s, a in row])
    tokens, documents, positions = _rectangle(inputs, pad)
    marked = _rectangle(inside, 0)[0].bool()
    seen = (causal() | two_way(marked)) & same_document(documents)
    return Batch(tokens, _rectangle(targets, IGNORE)[0], seen, positions, documents)


def two_stacks(pairs: list[list[Pair]], doc: int, pad: int) -> PairBatch:
    """The sources of each row for the encoder, its answers for the decoder."""
    source = _rectangle([[[doc, *s] for s, _ in row] for row in pairs], pad)
    answer = _rectangle([[[doc, *a[:-1]] for _, a in row] for row in pairs], pad)
    inputs, documents, positions = answer
    return PairBatch(
        inputs=inputs,
        targets=_rectangle([[a for _, a in row] for row in pairs], IGNORE)[0],
        attention=causal() & same_document(documents),
        positions=positions,
        documents=documents,
        source=source[0],
        source_documents=source[1],
        source_positions=source[2],
    )


def _rectangle(rows: list[list[list[int]]], fill: int) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of documents to (B,T) values, document numbers and positions, padded."""
    length = max(sum(map(len, row)) for row in rows)
    values, documents, positions = [], [], []
    for row in rows:
        sizes = [len(document) for document in row]
        rest = length - sum(sizes)
        values.append([*chain(*row), *[fill] * rest])
        numbers = [[number] * size for number, size in enumerate(sizes)]
        documents.append([*chain(*numbers), *[PADDING] * rest])
        positions.append([*chain(*map(range, sizes)), *[0] * rest])
    # By way of NumPy, which reads lists ten times as fast.
    values, documents, positions = (
        torch.from_numpy(np.array(part, dtype=np.int64))
        for part in (values, documents, positions)
    )
    return values, documents, positions
