"""Replaced-token detection: a small generator fools, a discriminator finds out.

    tokens      <doc>   The    cat    sat    on    the    mat   .
    masked      <doc>   The   <mask>  sat    on    the  <mask>  .    the generator reads
    sampled               .    dog      .     .     .     mat   .    drawn, not arg-max
    corrupted   <doc>   The    dog    sat    on    the    mat   .    the other one reads
    label         0      0      1      0     0      0      0    0    1 = replaced

The token that the generator got right counts as original: a label says whether the
token *differs*, not whether it was masked. The loss is the generator's masked loss,
mean over the M masked tokens, plus λ = 50 times the discriminator's binary
cross-entropy, mean over all N tokens that are no padding (@clark2020electra). No
gradient goes through the sampling, so the generator is not trained to fool.

The paper's ablations, by ``variant``:

    rtd                as above
    rtd_masked         the discriminator is scored at the masked positions alone
                       ("ELECTRA 15%")
    replace_mlm        it predicts the original token at the masked positions, having
                       read the generator's tokens in place of <mask>
    all_tokens_mlm     it predicts the original token everywhere, *with* the paper's
                       copy mechanism: p(x) = c·[x is the token read] + (1 − c)·softmax,
                       where c = 1 − P(replaced) comes from the head for replaced tokens

The draws that the samples come from are made with the batch, one number a token, so a
batch that is cut into micro-batches gives the same samples and the same gradient.
Special tokens are never sampled, which the original does not exclude.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from pretrain.batch import PADDING, Batch, Rows
from pretrain.errors import PretrainError
from pretrain.losses import Loss, token_losses
from pretrain.objectives.base import Objective
from pretrain.objectives.masked import ALL_MASK, Masked
from pretrain.random import Generator, uniform
from pretrain.tokens import Special, Tokenizer

Variant = Literal["rtd", "rtd_masked", "replace_mlm", "all_tokens_mlm"]
VARIANTS = ("rtd", "rtd_masked", "replace_mlm", "all_tokens_mlm")
RTD_WEIGHT = 50.0
FIRST = Special().reserved


@dataclass(frozen=True, kw_only=True)
class ReplacedBatch(Batch):
    """A batch for two networks: ``inputs`` and ``targets`` are the generator's.

    originals (B,T): the tokens before anything was masked.
    draws (B,T): uniform numbers in [0, 1) from which replacements are sampled.
    judged (B,T): True where the discriminator is scored.
    judged_weights (B,T): what its loss there is multiplied by; ``weights`` are the
        generator's.
    """

    originals: Tensor
    draws: Tensor
    judged: Tensor
    judged_weights: Tensor

    @property
    def count(self) -> int:
        """Scored tokens of both networks: what the weighted sum is divided by."""
        return int(self.scored.sum()) + int(self.judged.sum())


@dataclass(frozen=True)
class Replaced(Objective):
    """ELECTRA's objective. Its model is ``electra.Electra`` or one with its methods.

    masked: which tokens the generator fills in; 15 %, all ``<mask>``, by default.
    variant: "rtd", or one of the ablations above.
    weight: λ on the discriminator's loss; None is 50 for binary losses and 1 where the
        discriminator predicts tokens.
    temperature: the generator's logits are divided by it before sampling.
    """

    alignment: ClassVar[Literal["next", "same"] | None] = None

    masked: Masked = Masked(0.15, ALL_MASK)
    variant: Variant = "rtd"
    weight: float | None = None
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise PretrainError(
                f"variant {self.variant!r}: choose one of {', '.join(VARIANTS)}"
            )
        if self.weight is not None and not (
            math.isfinite(self.weight) and self.weight >= 0
        ):
            raise PretrainError(f"the weight is {self.weight}: give 0 or more, or None")
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise PretrainError(
                f"the temperature is {self.temperature}: give a number above 0 (with 0 "
                "replacements would be arg-max, and the generator's best guess only)"
            )

    @property
    def factor(self) -> float:
        """λ, with its default filled in."""
        if self.weight is not None:
            return self.weight
        return RTD_WEIGHT if self.variant.startswith("rtd") else 1.0

    def __call__(
        self, rows: Rows, tokenizer: Tokenizer, generator: Generator
    ) -> ReplacedBatch:
        """Rows (B,T+1) to a batch (B,T); the rows' last column is not used.

        Raises PretrainError as ``Masked`` does.
        """
        batch = self.masked(rows, tokenizer, generator)
        scored = batch.scored
        judged = batch.documents != PADDING
        if self.variant in ("rtd_masked", "replace_mlm"):
            judged = scored
        masks, seen = int(scored.sum()), int(judged.sum())
        shape = scored.shape
        return ReplacedBatch(
            inputs=batch.inputs,
            targets=batch.targets,
            attention=batch.attention,
            positions=batch.positions,
            documents=batch.documents,
            weights=torch.full(shape, (masks + seen) / masks),
            originals=rows.tokens[:, :-1],
            draws=uniform(tuple(shape), generator),
            judged=judged,
            judged_weights=torch.full(shape, self.factor * (masks + seen) / seen),
        )

    def for_evaluation(self) -> "Replaced":
        """The same game at the fixed masking that every masked model is scored with."""
        fixed = self.masked.for_evaluation()
        return Replaced(fixed, self.variant, self.weight, self.temperature)

    def loss(self, model, batch: ReplacedBatch) -> Loss:
        """Σ weighted losses over count; the parts: ``generator``, ``discriminator``."""
        guessed, corrupted = self.generate(model, batch)
        each = self._judge(model, batch, corrupted)  # (N,)
        total = (guessed * batch.weights[batch.scored]).sum()
        total = total + (each * batch.judged_weights[batch.judged]).sum()
        masks, seen = batch.scored.sum(), batch.judged.sum()
        parts = {
            "generator": Loss(guessed.sum(), masks),
            "discriminator": Loss(each.sum(), seen),
        }
        return Loss(total, masks + seen, parts)

    def generate(self, model, batch: ReplacedBatch) -> tuple[Tensor, Tensor]:
        """The generator's losses (M,), and the tokens (B,T) with its samples in place.

        The samples carry no gradient.
        """
        scored = batch.scored
        hidden = model.generate_hidden(batch.inputs, batch.attention, batch.positions)
        logits = model.generate_logits(hidden[scored])  # (M,V)
        samples = sample(logits.detach() / self.temperature, batch.draws[scored])
        corrupted = batch.originals.masked_scatter(scored, samples)
        return token_losses(logits, batch.targets[scored]), corrupted

    def _judge(self, model, batch: ReplacedBatch, corrupted: Tensor) -> Tensor:
        """The discriminator's loss (N,) at the judged positions."""
        hidden = model.hidden(corrupted, batch.attention, batch.positions)
        at = batch.judged
        states, read, true = hidden[at], corrupted[at], batch.originals[at]
        if self.variant == "replace_mlm":
            return token_losses(model.logits(states), true)
        replaced = model.replaced_logits(states)
        if self.variant == "all_tokens_mlm":
            return copy_losses(replaced, model.logits(states), read, true)
        labels = (read != true).to(replaced.dtype)
        return F.binary_cross_entropy_with_logits(replaced, labels, reduction="none")

    def metrics(self, model, batch: ReplacedBatch) -> dict[str, Loss]:
        """How well the discriminator finds replaced tokens, over all but padding.

        ``accuracy``; ``recall``, of the replaced tokens; ``original``, the accuracy of
        always saying "original"; ``generator_accuracy``, of its samples. None for a
        variant without the head for replaced tokens.
        """
        if self.variant == "replace_mlm":
            return {}
        _, corrupted = self.generate(model, batch)
        hidden = model.hidden(corrupted, batch.attention, batch.positions)
        found = model.replaced_logits(hidden) > 0  # (B,T)
        there = batch.documents != PADDING
        replaced = (corrupted != batch.originals) & there
        right = (found == replaced) & there
        hit, count = found & replaced, there.sum()
        same = (corrupted == batch.originals) & batch.scored
        return {
            "accuracy": Loss(right.float().sum(), count),
            "recall": Loss(hit.float().sum(), replaced.sum()),
            "original": Loss((there & ~replaced).float().sum(), count),
            "generator_accuracy": Loss(same.float().sum(), batch.scored.sum()),
        }


def sample(logits: Tensor, draws: Tensor) -> Tensor:
    """One ordinary token for each row of logits (M,V) and draw (M,) in [0, 1).

    The token at which the cumulated probability passes the draw: a token of
    probability p owns an interval of length p. Special tokens own none.
    """
    logits = logits.double().clone()
    logits[:, :FIRST] = -torch.inf
    reached = logits.softmax(-1).cumsum(-1)  # (M,V) float64
    draws = draws.double()[:, None] * reached[:, -1:]  # rounding: the last is about 1
    found = torch.searchsorted(reached, draws.contiguous(), right=True).squeeze(-1)
    return found.clamp(max=logits.shape[-1] - 1)


def copy_losses(
    replaced: Tensor, logits: Tensor, read: Tensor, true: Tensor
) -> Tensor:
    """−ln p of the true tokens (N,) where a token may be copied from the input.

    p(x) = c·[x is the token read] + (1 − c)·softmax(logits)_x, with
    c = sigmoid(−replaced). @clark2020electra, All-Tokens MLM.
    """
    written = F.logsigmoid(replaced) - token_losses(logits, true)  # ln (1 − c)·p
    copied = F.logsigmoid(-replaced).masked_fill(read != true, -torch.inf)
    return -torch.logaddexp(written, copied)
