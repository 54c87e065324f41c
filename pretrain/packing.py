"""From documents to rows: three ways to fill a rectangle with text.

    whole    <doc> d1 <doc> d2 <doc> d3 …|   a row starts at a document; what does not
                                             fit is cut off and dropped
    concat   … d7 <doc> d8 <do|c> d9 …       one endless ribbon cut in rows; nothing is
                                             dropped, documents are split
    pad      <doc> d1 <doc> _ _ _ _ _        one document a row, the rest is padding

Every row has T + 1 tokens, so that a causal model has a target for each of its T
inputs; rows of ``concat`` overlap by that one token, which makes each token of the
ribbon a target exactly once. Document numbers and positions restart at every document,
so that attention can be kept inside documents (@krell2021efficient).

``whole`` suits corpora without end: what is dropped is not missed, and whole documents
from their first token on are what an exact entropy floor speaks of.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Literal

import torch
from torch import Tensor

from pretrain.batch import PADDING, Rows
from pretrain.errors import EmptyCorpusError, PretrainError
from pretrain.tokens import Special

Strategy = Literal["whole", "concat", "pad"]


def pack(
    documents: Iterable[list[int]],
    special: Special,
    length: int,
    strategy: Strategy = "whole",
) -> Iterator[list[int]]:
    """Rows of exactly ``length`` + 1 token ids. Raises PretrainError on a bad length.

    With ``pad`` a document longer than the row is cut; with ``concat`` a last ribbon
    end that is too short is padded.
    """
    if length < 2:
        raise PretrainError(f"rows of {length} tokens: give a length of 2 or more")
    fillers = {"whole": _whole, "concat": _concat, "pad": _pad}
    if strategy not in fillers:
        raise PretrainError(f"packing {strategy!r}: choose one of {', '.join(fillers)}")
    return fillers[strategy](iter(documents), special, length + 1)


def _whole(documents: Iterator[list[int]], special: Special, size: int):
    row = [special.doc]
    for document in documents:
        row += document
        row.append(special.doc)
        if len(row) >= size:
            yield row[:size]
            row = [special.doc]
    if len(row) > 1:
        yield row + [special.pad] * (size - len(row))


def _concat(documents: Iterator[list[int]], special: Special, size: int):
    row = [special.doc]
    for document in documents:
        row += document
        row.append(special.doc)
        used = 0
        while len(row) - used >= size:
            yield row[used : used + size]
            used += size - 1
        row = row[used:]  # once a document, however long it is
    if len(row) > 1:
        yield row + [special.pad] * (size - len(row))


def _pad(documents: Iterator[list[int]], special: Special, size: int):
    for document in documents:
        row = [special.doc, *document, special.doc][:size]
        yield row + [special.pad] * (size - len(row))


def rows_from(token_rows: list[list[int]], special: Special) -> Rows:
    """Rows with document numbers and positions, read off the ``<doc>`` tokens.

    A closing ``<doc>`` with nothing but padding behind it still opens a (one-token)
    document; the padding itself has document number −1.
    """
    if not token_rows:
        raise EmptyCorpusError("no rows: the corpus gave no documents; add some text")
    tokens = torch.tensor(token_rows, dtype=torch.long)  # (B,T+1)
    opens = tokens == special.doc
    documents = opens.cumsum(1)
    documents = documents - documents[:, :1]
    index = torch.arange(tokens.shape[1]).expand_as(tokens)
    starts = torch.where(opens, index, 0).cummax(1).values
    padding = tokens == special.pad
    return Rows(
        tokens,
        documents.masked_fill(padding, PADDING),
        (index - starts).masked_fill(padding, 0),
    )


def batches(
    documents: Iterable[list[int]],
    special: Special,
    rows: int,
    length: int,
    strategy: Strategy = "whole",
    skip: int = 0,
) -> Iterator[Rows]:
    """Batches of ``rows`` rows; ``skip`` leaves out that many batches (for a resume).

    Raises EmptyCorpusError when there is not one document, and says so before any
    training has started.
    """
    if rows < 1:
        raise PretrainError(f"batches of {rows} rows: give 1 or more")
    packed = pack(documents, special, length, strategy)
    first = next(packed, None)
    if first is None:
        raise EmptyCorpusError(
            "the corpus holds no documents, so there is nothing to train on: "
            "check the path or the split"
        )
    packed = islice(chain([first], packed), skip * rows, None)
    while group := list(islice(packed, rows)):
        yield rows_from(group, special)


@dataclass(frozen=True)
class Utilization:
    """How well rows are filled. Shares are of all row positions, 0 to 1.

    A document counts in every row that holds two of its positions or more: a ``<doc>``
    that closes a row has opened nothing yet.
    """

    filled: float
    padding: float
    documents_per_row: float


def utilization(rows: Rows) -> Utilization:
    """How much of some rows is text, and how much is padding."""
    padding: Tensor = rows.documents == PADDING
    share = padding.float().mean().item()
    started = ((rows.positions == 1) & ~padding).sum(1).float().mean().item()
    return Utilization(1 - share, share, started)
