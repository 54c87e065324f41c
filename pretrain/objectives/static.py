"""Static masking: each document has its masks once and for all.

    epoch 1    The <mask> sat on the mat .        dynamic: drawn anew at each reading
    epoch 2    The <mask> sat on the mat .        static, 1 copy: always the same
    epoch 3    The cat sat <mask> the mat .       static, 10 copies: one of ten

BERT's data were masked before training, in ten copies, so that over forty epochs each
mask was seen four times (@devlin2019bert); RoBERTa draws masks anew at each reading
(@liu2019roberta). Here the tokens of a row and the number of the copy seed the draw.
So a mask is the same whenever, and beside whatever, its row is read.

Pack with ``pad``, one document a row: in other packings the same document stands in
another row at each epoch, and so has another mask.
"""

import zlib
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
from torch import Tensor

from pretrain.batch import Batch, Rows
from pretrain.errors import PretrainError
from pretrain.objectives.base import Objective
from pretrain.objectives.masked import Masked
from pretrain.random import Generator, RowByRow, uniform
from pretrain.tokens import Tokenizer


@dataclass(frozen=True)
class StaticMasking(Objective):
    """A masked objective with a fixed number of masks a row.

    inner: what is masked, and how.
    copies: different masks of each row; every reading draws one of them. As their
        number grows this becomes dynamic masking.
    """

    alignment: ClassVar[Literal["next", "same"] | None] = "same"

    inner: Masked = field(default_factory=Masked)
    copies: int = 1

    def __post_init__(self) -> None:
        if self.copies < 1:
            raise PretrainError(f"{self.copies} copies of the masks: give 1 or more")

    def __call__(
        self, rows: Rows, tokenizer: Tokenizer, generator: Generator
    ) -> Batch:
        """Rows (B,T+1) to a batch (B,T), with one of its masks for each row.

        ``generator`` chooses the copy alone. Raises what the inner objective raises.
        """
        copy = (uniform((len(rows),), generator) * self.copies).long()  # (B,)
        masks = RowByRow(
            [
                seed_of(tokens[tokens != tokenizer.special.pad], int(number))
                for tokens, number in zip(rows.tokens, copy, strict=True)
            ]
        )
        return self.inner(rows, tokenizer, masks)

    def for_evaluation(self) -> Objective:
        """That of the inner objective: all masked models are scored alike."""
        return self.inner.for_evaluation()


def seed_of(tokens: Tensor, copy: int) -> int:
    """A seed for one copy of a row (n,), the same on every machine."""
    bytes_ = np.asarray(tokens, dtype="<i8").tobytes()
    return copy << 32 | zlib.crc32(bytes_)
