"""Calibration: is a model that says 70 % right 70 % of the time?

    confidence   0 ─┬──────┬──────┬──────┬──────┬─ 1      the largest probability
    accuracy        .18    .41    .52    .70    .88       right answers in each bin
    mean confidence .15    .33    .50    .68    .97       a gap: here it is too sure

Top-label calibration: at every scored position, the probability of the model's first
choice, and whether that choice was right. The expected calibration error is the mean
gap, weighted by how many positions each bin holds. Bins are of equal width
(@guo2017calibration) or of equal mass, which have no nearly empty ones.

The error depends on the number of bins, and is not 0 for a calibrated model: chance
alone opens gaps (about 0.04 with 1,000 positions in 15 bins). Compare it between models
on the same positions, with the same bins. It says nothing about the probabilities below
the first: a cross-entropy judges all of them. @naeini2015obtaining
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pretrain.errors import EmptyLossError, PretrainError
from pretrain.evaluation.bootstrap import Interval, bootstrap
from pretrain.losses import IGNORE

Scheme = Literal["width", "mass"]
BINS = 15


def top_label(logits: Tensor, targets: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """(confidence (M,), whether it was right (M,)) at the scored positions.

    logits (…, V), targets (…) with −100 where nothing is scored. Of equally likely
    tokens the first counts as chosen. Raises PretrainError when the shapes differ.
    """
    if logits.shape[:-1] != targets.shape:
        raise PretrainError(
            f"logits {tuple(logits.shape)} do not fit targets {tuple(targets.shape)}: "
            "all but the last dimension of the logits must equal the targets' shape"
        )
    scored = targets != IGNORE
    p = logits[scored].detach().double().softmax(-1)  # (M,V)
    confidence, chosen = p.max(-1)
    return confidence.cpu().numpy(), (chosen == targets[scored]).cpu().numpy()


@torch.no_grad()
def top_label_of(model, held_out) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(confidence, right, document), each (M,), of a model on an evaluation set.

    The document is the index of each position's in ``held_out.documents``: the unit
    that :func:`calibration_interval` resamples. Raises PretrainError for a set that
    was not made from documents.
    """
    if not held_out.origins:
        raise PretrainError(
            f"{type(held_out.objective).__name__} is not evaluated document by "
            "document: call top_label on its logits and targets"
        )
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    found = []
    try:
        for batch, origin in zip(held_out.batches, held_out.origins, strict=True):
            moved = batch.to(device)
            hidden = held_out.objective.hidden(model, moved)  # (B,T,D)
            scored = batch.scored  # (B,T)
            logits = model.logits(hidden[scored.to(device)])  # (M,V)
            confidence, right = top_label(logits.cpu(), batch.targets[scored])
            owner = np.repeat(origin[:, 0], scored.sum(1).numpy())
            found.append((confidence, right, owner))
    finally:
        model.train(was_training)
    return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))


@dataclass(frozen=True)
class Reliability:
    """The rows of a reliability diagram, one a bin that holds something, (K,) each.

    low, high: the edges of the bin; it holds low < confidence ≤ high.
    counts: how many positions. confidence, accuracy: their means.
    """

    low: np.ndarray
    high: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def error(self) -> float:
        """The expected calibration error: the mean gap, weighted by the counts."""
        gaps = np.abs(self.accuracy - self.confidence)
        return float((self.counts * gaps).sum() / self.counts.sum())

    @property
    def largest(self) -> float:
        """The maximum calibration error: the widest gap of any bin."""
        return float(np.abs(self.accuracy - self.confidence).max())

    def __str__(self) -> str:
        lines = ["confidence        count    mean  accuracy"]
        for low, high, n, mean, right in zip(
            self.low, self.high, self.counts, self.confidence, self.accuracy,
            strict=True,
        ):  # fmt: skip
            lines.append(f"{low:.3f} to {high:.3f} {n:7d}   {mean:.3f}     {right:.3f}")
        return "\n".join(lines)


def reliability(
    confidence: np.ndarray,
    right: np.ndarray,
    bins: int = BINS,
    scheme: Scheme = "width",
) -> Reliability:
    """A reliability table of confidences (M,) in [0, 1] and right answers (M,).

    ``"width"`` cuts [0, 1] into equal parts; ``"mass"`` cuts at quantiles of the
    confidence, so that each bin holds about as many (fewer bins, where many
    confidences are equal). Raises EmptyLossError without positions, PretrainError for
    sizes that differ, numbers that are no confidence, and no bins.
    """
    confidence = np.asarray(confidence, dtype=np.float64)
    right = np.asarray(right, dtype=np.float64)
    if confidence.ndim != 1 or confidence.shape != right.shape:
        raise PretrainError(
            f"confidences of shape {confidence.shape} and right answers of shape "
            f"{right.shape}: give two arrays of the same length"
        )
    if not len(confidence):
        raise EmptyLossError(
            "nothing was scored, so there is no calibration: give positions that were"
        )
    if not ((confidence >= 0) & (confidence <= 1 + 1e-9)).all():
        raise PretrainError("a confidence is a probability: give numbers from 0 to 1")
    if bins < 1 or scheme not in ("width", "mass"):
        raise PretrainError(
            f"{bins} bins of scheme {scheme!r}: give 1 or more, of equal width or mass"
        )
    edges = np.linspace(0, 1, bins + 1)
    if scheme == "mass":
        edges = np.percentile(confidence, 100 * edges)
    place = np.searchsorted(edges[1:-1], confidence)  # (low, high]
    counts = np.bincount(place, minlength=bins)
    held = counts > 0
    sums = [np.bincount(place, x, minlength=bins)[held] for x in (confidence, right)]
    means = [total / counts[held] for total in sums]
    return Reliability(edges[:-1][held], edges[1:][held], counts[held], *means)


def expected_calibration_error(
    confidence: np.ndarray,
    right: np.ndarray,
    bins: int = BINS,
    scheme: Scheme = "width",
) -> float:
    """Σ share of the bin · |accuracy − mean confidence|, between 0 and 1.

    Raises as :func:`reliability` does.
    """
    return reliability(confidence, right, bins, scheme).error


def calibration_interval(
    confidence: np.ndarray,
    right: np.ndarray,
    units: Sequence[int] | None = None,
    bins: int = BINS,
    scheme: Scheme = "width",
    **options,
) -> Interval:
    """The expected calibration error with a bootstrap interval.

    ``units`` (M,) says which independent unit, such as a document, each position is
    from; each position is one of its own unless given. ``options`` go to
    :func:`bootstrap`. Resampling opens gaps of its own, so that the interval of a small
    error lies too high: read it for differences between models, not against 0.
    """
    confidence, right = np.asarray(confidence), np.asarray(right)
    units = np.arange(len(confidence)) if units is None else np.asarray(units)
    if units.shape != confidence.shape:
        raise PretrainError(
            f"{units.shape} units for {confidence.shape} confidences: give one for each"
        )
    order = np.argsort(units, kind="stable")
    names, starts = np.unique(units[order], return_index=True)
    members = np.split(order, starts[1:])

    def error(drawn: np.ndarray) -> float:
        at = np.concatenate([members[i] for i in drawn])
        return reliability(confidence[at], right[at], bins, scheme).error

    return bootstrap(error, np.arange(len(names)), **options)
