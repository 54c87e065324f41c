"""Label smoothing and the z-loss: what keeps a model from being too sure.

**Label smoothing** gives every other token a little of the target's probability, and
papers do it in two ways that share one ε (V tokens, 2 is the target):

    "all"      1−ε to the target, and ε/V to each of the V, the target included
               0  1  2  3     ε = 0.1, V = 4
               .025 .025 .925 .025
    "others"   1−ε to the target, and ε/(V−1) to each of the V−1 others
               .033 .033 .900 .033

"all" is Szegedy's and PyTorch's; "others" is the one of several translation toolkits.
"others" with ε is "all" with ε·V/(V−1). The difference is 1/V of ε: nothing at a
vocabulary of 32,000, a quarter of it at 4 classes. Either way the least loss that can
be reached is no longer 0 but the entropy of the smoothed target, and exp of a smoothed
loss is no perplexity.

**The z-loss** pulls the log of the softmax's normalizer Z toward 0. A cross-entropy
does not depend on it, so that it can drift until half precision cannot hold the logits.
It comes back beside the loss, never inside it: a curve shows the loss alone.
@szegedy2016rethinking @muller2019when @chowdhery2023palm
"""

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from pretrain.errors import PretrainError
from pretrain.losses import IGNORE, Loss, cross_entropy

Convention = Literal["all", "others"]


# -- label smoothing --------------------------------------------------------------


def smoothed_target(
    epsilon: float, vocab_size: int, convention: Convention = "all"
) -> tuple[float, float]:
    """The probabilities (of the target, of each other token) that are learned.

    Raises PretrainError where the target would be no likelier than any other token
    (ε ≥ 1 for "all", ε ≥ (V−1)/V for "others"), and for a vocabulary below 2.
    """
    share = over_all(epsilon, vocab_size, convention) / vocab_size
    return 1 - share * (vocab_size - 1), share


def over_all(epsilon: float, vocab_size: int, convention: Convention) -> float:
    """The ε of the convention "all" (PyTorch's) that gives the same target.

    ε·V/(V−1) for "others". Raises PretrainError as :func:`smoothed_target` does.
    """
    if convention not in ("all", "others"):
        raise PretrainError(
            f"there is no convention of label smoothing called {convention!r}: give "
            "all (ε/V on every token) or others (ε/(V−1) on all but the target)"
        )
    if vocab_size < 2:
        raise PretrainError(
            f"a vocabulary of {vocab_size} has nothing to smooth over: 2 is the least"
        )
    most = 1.0 if convention == "all" else (vocab_size - 1) / vocab_size
    if not 0 <= epsilon < most:
        raise PretrainError(
            f"label smoothing of {epsilon} over {convention}: give 0 ≤ ε < {most:.6g}, "
            "where the target is still the likeliest token"
        )
    return epsilon / most


def over_others(epsilon: float, vocab_size: int) -> float:
    """The ε of "others" that gives the same target as ``epsilon`` of "all"."""
    return 1 - smoothed_target(epsilon, vocab_size, "all")[0]


def smoothed_cross_entropy(
    logits: Tensor,
    targets: Tensor,
    epsilon: float,
    convention: Convention = "all",
    *,
    empty: Literal["error", "zero"] = "error",
) -> Loss:
    """Cross-entropy of logits (…, V) against smoothed targets (…), in nats.

    Summed and counted as by :func:`pretrain.losses.cross_entropy`, and raises as it
    and :func:`smoothed_target` do.
    """
    smoothing = over_all(epsilon, logits.shape[-1], convention)
    return cross_entropy(logits, targets, label_smoothing=smoothing, empty=empty)


def smoothing_floor(
    epsilon: float, vocab_size: int, convention: Convention = "all"
) -> float:
    """The least smoothed loss, in nats per token, where every target is certain.

    The entropy of the smoothed target: 1.01 nats for ε = 0.1 and V = 1,000. Raises
    PretrainError as :func:`smoothed_target` does.
    """
    target, other = smoothed_target(epsilon, vocab_size, convention)
    if other == 0:
        return 0.0
    return -target * math.log(target) - (vocab_size - 1) * other * math.log(other)


# -- z-loss -----------------------------------------------------------------------


def z_loss(logits: Tensor, targets: Tensor, weight: float = 1e-4) -> Loss:
    """λ·log²Z of every scored token: logits (…, V), targets (…) with −100 elsewhere.

    Z is the sum of exp(logits) over the vocabulary. The count is that of the
    cross-entropy, so that the two means add up. Nothing scored gives 0 of 0. Raises
    PretrainError when the shapes differ or the weight is negative. @chowdhery2023palm
    """
    if logits.shape[:-1] != targets.shape:
        raise PretrainError(
            f"logits {tuple(logits.shape)} do not fit targets {tuple(targets.shape)}: "
            "all but the last dimension of the logits must equal the targets' shape"
        )
    if not 0 <= weight < math.inf:
        raise PretrainError(f"the weight of the z-loss is {weight}: give 0 or more")
    scored = targets != IGNORE
    chosen = logits[scored]  # (M,V)
    if chosen.dtype in (torch.float16, torch.bfloat16):
        chosen = chosen.float()
    return Loss(weight * chosen.logsumexp(-1).square().sum(), scored.sum())


class Penalized(NamedTuple):
    """A loss, and what is added to it in training."""

    loss: Loss
    """The cross-entropy: what a log shows and an evaluation compares."""
    penalty: Loss
    """What pulls the weights besides, over the same count."""

    @property
    def total(self) -> Loss:
        """What the gradient is taken of: the two sums over the one count."""
        return Loss(self.loss.sum + self.penalty.sum, self.loss.count)


def with_z_loss(
    logits: Tensor, targets: Tensor, weight: float = 1e-4, **options
) -> Penalized:
    """Cross-entropy (with its ``options``) and z-loss, apart. Raises as both do."""
    loss = cross_entropy(logits, targets, **options)
    return Penalized(loss, z_loss(logits, targets, weight))
