"""One cross-entropy for every objective: it returns a sum and a count.

The loss of a batch is the sum of the negative log-likelihoods of its scored tokens.
The mean is taken once, by the caller, over the *global* count of scored tokens. That
is what makes gradient accumulation and data parallelism agree with one large batch: a
mean of means weighs a scored token by how few others its micro-batch held.

Units are nats. Targets of −100 are not scored (PyTorch's and Hugging Face's
convention). Softmax and logarithm are fused in PyTorch's kernel, so that a logit of
1,000 overflows nothing. Logits in half precision are raised to float32 first: summed in
float16, 12,000 tokens of 6 nats are already infinite.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from pretrain.errors import EmptyLossError, PretrainError

IGNORE = -100


class Loss(NamedTuple):
    """A loss that has not been averaged yet."""

    sum: Tensor
    """Total negative log-likelihood in nats, a scalar that carries the gradient."""
    count: Tensor
    """Number of scored tokens, a scalar of integers."""
    parts: Mapping[str, "Loss"] = MappingProxyType({})
    """What the sum is made of, by name, where an objective has several losses."""

    def mean(self) -> Tensor:
        """Nats per scored token. An empty loss has mean 0."""
        return self.sum / self.count.clamp(min=1)

    def detach(self) -> "Loss":
        """The same numbers without their gradient."""
        parts = {name: part.detach() for name, part in self.parts.items()}
        return Loss(self.sum.detach(), self.count, parts)

    def __add__(self, other: "Loss") -> "Loss":
        parts = {**self.parts, **other.parts}
        for name in self.parts.keys() & other.parts.keys():
            parts[name] = self.parts[name] + other.parts[name]
        return Loss(self.sum + other.sum, self.count + other.count, parts)


def cross_entropy(
    logits: Tensor,
    targets: Tensor,
    *,
    label_smoothing: float = 0.0,
    empty: Literal["error", "zero"] = "error",
) -> Loss:
    """Cross-entropy of logits (…, V) against target ids (…), summed and counted.

    ``label_smoothing`` mixes the target with the uniform distribution over *all* V
    tokens, the true one included: (1 − ε)·onehot + ε/V. @szegedy2016rethinking

    Raises EmptyLossError when no target is scored, unless ``empty="zero"``, which
    returns an exact zero that still carries a (zero) gradient; PretrainError when the
    shapes differ or a target is no token.
    """
    if not 0.0 <= label_smoothing < 1.0:
        raise PretrainError(f"label smoothing is {label_smoothing}: give 0 ≤ ε < 1")
    flat_logits, flat_targets = _flatten(logits, targets)
    count = (flat_targets != IGNORE).sum()
    if not count:
        if empty == "zero":
            return Loss(flat_logits[:, :0].sum(), count)  # 0 even beside an infinity
        raise EmptyLossError(
            "no token of this batch is scored (every target is −100), so the loss has "
            "no mean: raise the masking rate or the length, or pass empty='zero'"
        )
    total = F.cross_entropy(
        flat_logits,
        flat_targets,
        ignore_index=IGNORE,
        reduction="sum",
        label_smoothing=label_smoothing,
    )
    return Loss(total, count)


def token_losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Negative log-likelihood in nats of each target: (…, V) and (…) to (…).

    Positions with target −100 get 0. Use it to look at a loss; train on
    :func:`cross_entropy`. Raises PretrainError as that does.
    """
    flat_logits, flat_targets = _flatten(logits, targets)
    flat = F.cross_entropy(
        flat_logits, flat_targets, ignore_index=IGNORE, reduction="none"
    )
    return flat.reshape(targets.shape)


def perplexity(nats: float | Tensor) -> float:
    """exp of a mean loss in nats; infinity, not an error, where exp overflows."""
    return float(torch.as_tensor(nats, dtype=torch.float64).detach().exp())


def _flatten(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (M, V) in float32 or float64 and targets (M,), checked."""
    if logits.shape[:-1] != targets.shape:
        raise PretrainError(
            f"logits {tuple(logits.shape)} do not fit targets {tuple(targets.shape)}: "
            "all but the last dimension of the logits must equal the targets' shape"
        )
    if targets.is_floating_point():
        raise PretrainError(
            f"targets are token ids, and these are {targets.dtype}: pass integers"
        )
    vocab_size = logits.shape[-1]
    flat = targets.reshape(-1).long()
    wrong = flat[(flat != IGNORE) & ((flat < 0) | (flat >= vocab_size))]
    if len(wrong):
        raise PretrainError(
            f"target {int(wrong[0])} is not a token: targets are −100 (not scored) or "
            f"0 to {vocab_size - 1}"
        )
    if logits.dtype in (torch.float16, torch.bfloat16):
        logits = logits.float()
    return logits.reshape(-1, vocab_size), flat
