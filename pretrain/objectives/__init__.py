"""Objectives: one file each, from packed rows to a batch.

An objective is a frozen dataclass that can be called:
``objective(rows, tokenizer, generator) -> Batch``. It decides three separate
things: what is *corrupted* (the inputs), what is *scored* (the targets) and what is
*seen* (the attention pattern). It never changes the rows it is given, and all its
randomness comes from ``generator``.
"""

from typing import Protocol

from pretrain.batch import Batch, Rows
from pretrain.objectives.causal import Causal
from pretrain.objectives.masked import Masked
from pretrain.random import Generator
from pretrain.tokens import Tokenizer


class Objective(Protocol):
    """What the trainer needs of an objective."""

    def __call__(
        self,
        rows: Rows,
        tokenizer: Tokenizer,
        generator: Generator,
    ) -> Batch: ...

    def for_evaluation(self) -> "Objective":
        """The objective that held-out text is scored with."""
        ...


__all__ = ["Causal", "Masked", "Objective"]
