"""Cross-entropy from hidden states, without ever holding all the logits.

    hidden (M,D) ──┬─ rows 0…255   ─ @ weightᵀ ─ logits (256,V) ─ loss, then forgotten
                   ├─ rows 256…511 ─ @ weightᵀ ─ logits (256,V) ─ loss, then forgotten
                   └─ …

The logits are the largest tensor of a small model with a large vocabulary: 2,048 tokens
at V = 32,000 are 262 MB, and a plain loss holds some copies of them. Chunked *before*
the output projection, only one chunk of them exists at a time. (Chunked after it, as
some code does, nothing is saved.)

Two ways, same numbers:

- PyTorch's own ``F.linear_cross_entropy`` (from 2.13), which finds the gradients on its
  way forward, chunk by chunk;
- ``chunked_loss`` for everything that one refuses: older versions, label smoothing, a
  z-loss, half precision, autocast. It recomputes each chunk's logits on the way back,
  which costs one more matrix product.

Measured by benchmarks/linear_loss.py on two cores, 2,048 tokens of width 256 at
V = 32,000: PyTorch's op takes 0.7 times the plain loss's time and a sixth of its extra
memory (121 MB for 766), ``chunked_loss`` 1.2 times and a half (374 MB).
@wijmans2025cut @chen2016training
"""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from pretrain.errors import EmptyLossError, PretrainError
from pretrain.losses import IGNORE, Loss, cross_entropy

CHUNK = 256


def linear_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    *,
    chunk: int = CHUNK,
    label_smoothing: float = 0.0,
    empty: Literal["error", "zero"] = "error",
) -> Loss:
    """Cross-entropy of ``hidden @ weightᵀ`` against targets, summed and counted.

    hidden (…, D), output weight (V, D), targets (…) with −100 where nothing is scored.
    Equal to ``cross_entropy(F.linear(hidden, weight), targets)``, gradients included;
    second derivatives are not to be had, and PyTorch's op allows one backward pass.
    ``chunk``: logits of so many tokens at a time. ``label_smoothing`` is PyTorch's
    convention, "all" of ``penalties``.

    Raises as :func:`pretrain.losses.cross_entropy` does.
    """
    if not 0.0 <= label_smoothing < 1.0:
        raise PretrainError(f"label smoothing is {label_smoothing}: give 0 ≤ ε < 1")
    if label_smoothing or not _native(hidden, weight):
        return chunked_loss(
            hidden,
            weight,
            targets,
            lambda logits, ids: cross_entropy(
                logits, ids, label_smoothing=label_smoothing
            ),
            chunk=chunk,
            empty=empty,
        )
    states, ids = _scored(hidden, weight, targets, chunk, empty)
    if not len(ids):
        return _zero(hidden, weight)
    options = torch.nn.LinearCrossEntropyOptions(
        chunking_method=None, batch_chunk_size=min(chunk, len(ids))
    )
    total = F.linear_cross_entropy(
        states, weight, ids, reduction="sum", options=options
    )
    return Loss(total, torch.tensor(len(ids), device=hidden.device))


def chunked_loss(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    loss: Callable[[Tensor, Tensor], Loss] = cross_entropy,
    *,
    chunk: int = CHUNK,
    empty: Literal["error", "zero"] = "error",
) -> Loss:
    """Any sum of per-token losses, chunk by chunk: hidden (…, D), weight (V, D).

    ``loss`` gets logits (at most ``chunk``, V) and the targets of the same tokens, all
    of them scored, and returns a ``Loss``. It is called twice for each chunk, so it
    must draw nothing at random. Raises as :func:`pretrain.losses.cross_entropy` does.
    """
    states, ids = _scored(hidden, weight, targets, chunk, empty)
    if not len(ids):
        return _zero(hidden, weight)

    def of(rows: Tensor, matrix: Tensor, wanted: Tensor) -> Loss:
        return loss(F.linear(rows, matrix), wanted)  # logits (chunk,V)

    total = None
    for start in range(0, len(ids), chunk):
        piece = slice(start, start + chunk)
        part = checkpoint(
            of,
            states[piece],
            weight,
            ids[piece],
            use_reentrant=False,
            preserve_rng_state=False,
        )
        total = part if total is None else total + part
    return total


def _native(hidden: Tensor, weight: Tensor) -> bool:
    """Whether PyTorch's own op serves: there, in full precision, no autocast."""
    return (
        hasattr(F, "linear_cross_entropy")
        and hidden.dtype == weight.dtype
        and hidden.dtype in (torch.float32, torch.float64)
        and not torch.is_autocast_enabled(hidden.device.type)
    )


def _scored(
    hidden: Tensor, weight: Tensor, targets: Tensor, chunk: int, empty: str
) -> tuple[Tensor, Tensor]:
    """States (M, D) and targets (M,) of the scored tokens, checked."""
    if hidden.shape[:-1] != targets.shape or weight.shape[1:] != hidden.shape[-1:]:
        raise PretrainError(
            f"states {tuple(hidden.shape)}, weight {tuple(weight.shape)} and targets "
            f"{tuple(targets.shape)} do not fit: give (…, D), (V, D) and (…)"
        )
    if targets.is_floating_point():
        raise PretrainError(
            f"targets are token ids, and these are {targets.dtype}: pass integers"
        )
    if chunk < 1:
        raise PretrainError(f"chunks of {chunk} tokens: give 1 or more")
    scored = targets != IGNORE
    ids = targets[scored].long()  # (M,)
    wrong = ids[(ids < 0) | (ids >= len(weight))]
    if len(wrong):
        raise PretrainError(
            f"target {int(wrong[0])} is not a token: targets are −100 (not scored) or "
            f"0 to {len(weight) - 1}"
        )
    if not len(ids) and empty != "zero":
        raise EmptyLossError(
            "no token of this batch is scored (every target is −100), so the loss has "
            "no mean: raise the masking rate or the length, or pass empty='zero'"
        )
    if len(ids) == targets.numel():
        return hidden.reshape(-1, hidden.shape[-1]), ids  # no copy
    return hidden[scored], ids  # (M,D)


def _zero(hidden: Tensor, weight: Tensor) -> Loss:
    """An exact zero of no tokens, which still carries a (zero) gradient."""
    total = hidden[..., :0].sum() + weight[:0].sum()
    return Loss(total, torch.tensor(0, device=hidden.device))
