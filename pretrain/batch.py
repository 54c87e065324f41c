"""A batch: what is seen, what is corrupted and what is scored, each in its own field.

    documents   The cat sat . <doc> It purred .      position t counts from 0
    inputs      what the model reads (corrupted, perhaps)
    targets     what it is scored on, −100 where nothing is
    attention   who may attend to whom

``Rows`` is the raw material, packed token rows before any objective has touched them;
an objective turns ``Rows`` into a ``Batch`` and never changes the rows.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from pretrain.attention import Pattern, rows_of
from pretrain.losses import IGNORE

PADDING = -1
"""The document number of padding positions."""


@dataclass(frozen=True)
class Rows:
    """Packed tokens, before an objective.

    tokens (B,T+1): token ids. Every document is opened by ``<doc>``, which also ends
        the one before it. One position more than a batch has, so that the last input
        of a causal model has a target.
    documents (B,T+1): which document of its row a position belongs to, from 0;
        −1 is padding. A ``<doc>`` belongs to the document that it opens.
    positions (B,T+1): position inside the document, from 0.
    """

    tokens: Tensor
    documents: Tensor
    positions: Tensor

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, rows: slice) -> "Rows":
        return Rows(self.tokens[rows], self.documents[rows], self.positions[rows])


@dataclass(frozen=True)
class Batch:
    """What a model reads and what it is scored on.

    inputs (B,T): token ids that the model reads.
    targets (B,T): the token that the logits at each position are scored against, or
        −100 where nothing is scored.
    attention: who may attend to whom.
    positions (B,T): position inside the document, from 0.
    documents (B,T): the document that each position belongs to, −1 for padding.
    weights (B,T): what each scored token's loss is multiplied by, where not all count
        the same; None is 1 everywhere.
    """

    inputs: Tensor
    targets: Tensor
    attention: Pattern
    positions: Tensor
    documents: Tensor
    weights: Tensor | None = None

    @property
    def scored(self) -> Tensor:
        """(B,T) True where a token is scored."""
        return self.targets != IGNORE

    @property
    def count(self) -> int:
        """How many tokens are scored: what the sum of the losses is divided by."""
        return int(self.scored.sum())

    def to(self, device: torch.device | str) -> "Batch":
        """The batch on another device; the attention pattern moves by itself."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def split(self, parts: int) -> list["Batch"]:
        """Cut the batch along B into ``parts`` micro-batches; the last may be short."""
        size = -(-len(self.inputs) // parts)
        cuts = [slice(i, i + size) for i in range(0, len(self.inputs), size)]
        return [
            replace(
                self._each(lambda tensor, cut=cut: tensor[cut]),
                attention=rows_of(self.attention, cut),
            )
            for cut in cuts
        ]

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        """The batch with every tensor of it (B first) changed, subclasses' too."""
        tensors = {
            field.name: change(value)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return replace(self, **tensors)
