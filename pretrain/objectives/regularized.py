"""Any objective, trained with label smoothing, a z-loss, or chunked logits.

    Regularized(Causal(), smoothing=0.1)    the same inputs, targets and attention;
    Regularized(Causal(), z=1e-4)           only what the gradient is taken of differs
    Regularized(Causal(), chunk=256)        not even that: less memory

Held-out text is scored by the objective inside, without any of it, so that runs with
and without compare. In training the log's ``loss`` is what is minimized; beside it
stand ``loss_plain``, the cross-entropy alone, and ``loss_z``, the penalty.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from pretrain.batch import Batch
from pretrain.errors import PretrainError
from pretrain.linear_loss import chunked_loss, linear_cross_entropy
from pretrain.losses import Loss, cross_entropy
from pretrain.objectives.base import Objective
from pretrain.penalties import Convention, smoothed_cross_entropy, z_loss


@dataclass(frozen=True)
class Regularized(Objective):
    """An objective whose training loss is smoothed, penalized, or made in chunks.

    inner: the objective; one cross-entropy a token must be its loss.
    smoothing, convention: ε of label smoothing, and who shares it (see `penalties`).
    z: weight of the z-loss; PaLM's is 1e-4. @chowdhery2023palm
    chunk: logits of so many tokens exist at a time; 0 makes them all at once.
    """

    inner: Objective
    smoothing: float = 0.0
    convention: Convention = "all"
    z: float = 0.0
    chunk: int = 0
    kind: str = field(init=False)  # for the header of a run

    def __post_init__(self) -> None:
        if type(self.inner).loss is not Objective.loss:
            raise PretrainError(
                f"{type(self.inner).__name__} has a loss of its own, which cannot be "
                "smoothed from outside: give an objective of one cross-entropy a token"
            )
        if not 0 <= self.smoothing < 1 or self.z < 0 or self.chunk < 0:
            raise PretrainError(
                f"smoothing={self.smoothing}, z={self.z}, chunk={self.chunk}: give "
                "0 ≤ smoothing < 1, and z and chunk of 0 or more"
            )
        object.__setattr__(self, "kind", f"Regularized {type(self.inner).__name__}")

    @property
    def alignment(self):
        return self.inner.alignment

    @property
    def reads_rows(self):
        return self.inner.reads_rows

    @property
    def extra_tokens(self) -> tuple[str, ...]:
        return self.inner.extra_tokens

    def __call__(self, rows, tokenizer, generator) -> Batch:
        return self.inner(rows, tokenizer, generator)

    def read(self, *where, **how):
        return self.inner.read(*where, **how)

    def hidden(self, model, batch: Batch) -> Tensor:
        return self.inner.hidden(model, batch)

    def for_evaluation(self) -> Objective:
        return self.inner.for_evaluation()

    def loss(self, model, batch: Batch) -> Loss:
        """The regularized loss, with parts ``plain`` and ``z`` where they differ.

        Raises PretrainError for batches with weights, and for ``chunk`` with a model
        that has no single output matrix.
        """
        if batch.weights is not None:
            raise PretrainError(
                f"{type(self.inner).__name__} weighs its tokens, which label smoothing "
                "and the z-loss here do not: train it without Regularized"
            )
        scored = batch.scored
        states, targets = self.hidden(model, batch)[scored], batch.targets[scored]
        if not self.chunk:
            return self.score(model.logits(states), targets)
        weight = _output_weight(model)
        if self.smoothing or self.z:
            return chunked_loss(states, weight, targets, self.score, chunk=self.chunk)
        return linear_cross_entropy(states, weight, targets, chunk=self.chunk)

    def score(self, logits: Tensor, targets: Tensor) -> Loss:
        """Logits (M,V) and targets (M,) to the loss that is minimized."""
        if not self.smoothing and not self.z:
            return cross_entropy(logits, targets)
        with torch.no_grad():
            parts = {"plain": cross_entropy(logits, targets)}
        loss = smoothed_cross_entropy(logits, targets, self.smoothing, self.convention)
        total = loss.sum
        if self.z:
            penalty = z_loss(logits, targets, self.z)
            parts["z"] = penalty.detach()
            total = total + penalty.sum
        return Loss(total, loss.count, parts)


def _output_weight(model) -> Tensor:
    """The matrix (V,D) that makes logits of states."""
    head = getattr(model, "head", None)
    layer = getattr(model, "embedding", None) if head is None else head
    weight = getattr(layer, "weight", None)
    if weight is None or getattr(layer, "bias", None) is not None:
        raise PretrainError(
            f"{type(model).__name__} has no single output matrix without a bias, so "
            "its logits cannot be made in chunks: leave chunk at 0"
        )
    return weight
