"""Masked diffusion: a masked model trained at every rate, so that it can write.

    t ~ uniform(0,1)      each ordinary token becomes <mask> with probability t
    t = 0.2   The  cat  <mask>  on   the  mat    .       weight 1/t = 5
    t = 0.9  <mask> <mask> sat <mask> <mask> <mask> <mask>   weight 1/t = 1.1

The loss is the masked one, with each row's sum multiplied by 1/t. Averaged over t and
over what is masked it is an upper bound on −log p(x) of the model that writes by
unmasking one token after another in a random order, and equals it when every
conditional is exact (@sahoo2024simple, @nie2025large). So, unlike a masked loss at one
rate, it may be divided by *all* tokens and compared with a causal loss.

For a text of n tokens the weight that a set S of masked tokens gets is
∫ t^(|S|−1) (1−t)^(n−|S|) dt = B(|S|, n−|S|+1); a test sums it over all sets.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor

from pretrain.batch import Batch, Rows
from pretrain.errors import PretrainError
from pretrain.losses import IGNORE
from pretrain.objectives.base import Objective
from pretrain.objectives.masked import Masked
from pretrain.random import Generator, uniform
from pretrain.tokens import Tokenizer


@dataclass(frozen=True)
class MaskedDiffusion(Objective):
    """Absorbing-state diffusion with the linear schedule. @sahoo2024simple

    spread: draw the rates of a batch as one uniform number plus i/B, modulo 1, so that
        every batch covers (0, 1]; otherwise independently for each row. The mean is
        the same, its variance smaller.
    least: the smallest rate; below it a weight 1/t would be huge. The bound is then
        over t in (least, 1], a bias of about ``least`` of the loss.
    within_documents: keep attention inside each document of a packed row.
    """

    spread: bool = True
    least: float = 1e-3
    within_documents: bool = True

    alignment: ClassVar[Literal["next", "same"] | None] = "same"

    def __post_init__(self) -> None:
        if not 0 < self.least < 1:
            raise PretrainError(
                f"the smallest masking rate is {self.least}: give a share between 0 "
                "and 1, such as 0.001"
            )

    def __call__(
        self, rows: Rows, tokenizer: Tokenizer, generator: Generator
    ) -> Batch:
        """Rows (B,T+1) to a batch (B,T) with weights.

        Weights are M/(N·t), for M masked among N ordinary tokens of the batch, so that
        the sum divided by M is the bound in nats per ordinary token. Raises
        PretrainError as ``Masked`` does.
        """
        masked = Masked(1.0, (1.0, 0.0, 0.0), within_documents=self.within_documents)
        hidden = masked(rows, tokenizer, generator)  # all ordinary tokens are hidden
        tokens, ordinary = rows.tokens[:, :-1], hidden.scored
        rate = self.rates(len(tokens), generator)[:, None]  # (B,1)
        chosen = (uniform(tokens.shape, generator) < rate) & ordinary
        if not chosen.any():  # as rare as it sounds, and then there is no mean
            first = ordinary.flatten().nonzero()[0]
            chosen = chosen.flatten().index_fill(0, first, True).view_as(chosen)
        share = chosen.sum() / ordinary.sum()
        return replace(
            hidden,
            inputs=tokens.masked_fill(chosen, tokenizer.special.mask),
            targets=tokens.masked_fill(~chosen, IGNORE),
            weights=(share / rate).expand(tokens.shape).float(),
        )

    def for_evaluation(self) -> "MaskedDiffusion":
        """Each held-out window draws a rate of its own, whatever it is batched with."""
        return replace(self, spread=False)

    def rates(self, rows: int, generator: Generator) -> Tensor:
        """(B,) masking rates in (least, 1]."""
        if self.spread:
            start = uniform((1,), generator)
            draw = (start + torch.arange(rows) / rows) % 1
        else:
            draw = uniform((rows,), generator)
        return 1 - (1 - self.least) * draw
