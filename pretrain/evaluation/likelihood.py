"""Held-out likelihood: fixed documents, fixed positions, sums before means.

An :class:`EvaluationSet` is made once and scored many times. Every document is read
alone, from its opening ``<doc>`` to its closing one; one longer than a row is read in
windows, each token scored exactly once. A causal model is scored on every token. A
masked model is scored at 15 % of the tokens, all ``<mask>``, at the same positions in
every run: the tokens of a window seed its draw, so its positions depend neither on the
other documents of the set nor on how windows are batched.

Where the corpus knows the truth, :func:`floor` gives the best attainable loss *on
exactly the scored tokens*, and :func:`excess` what a model pays above it, paired
document by document: an estimate of KL(p‖q) per token. Where it is not known, there is
no floor and none is made up.
"""

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from pretrain.batch import Batch
from pretrain.corpora.document import Document
from pretrain.errors import EmptyCorpusError, EmptyLossError, PretrainError
from pretrain.evaluation.information import Counts, Rates
from pretrain.losses import IGNORE, Loss, token_losses
from pretrain.objectives import Masked, Objective
from pretrain.packing import rows_from
from pretrain.random import RowByRow, generator_for

EVALUATION_SEED = 15
ROWS = 64


@dataclass(frozen=True)
class EvaluationSet:
    """Held-out documents and the fixed batches they are scored in.

    ``origins[i]`` (B,2) says, for every row of ``batches[i]``, which document it is
    from and at which token of ``<doc> tokens <doc>`` it starts. An objective that does
    not read rows has neither documents nor origins.
    """

    documents: list[Document]
    batches: list[Batch]
    origins: list[np.ndarray]
    objective: Objective


def evaluation_set(
    corpus, objective: Objective, n: int = 300, length: int = 128, split="validation"
) -> EvaluationSet:
    """The first ``n`` documents of a split, in ``objective.for_evaluation()``.

    All of them, where it holds fewer. An objective that reads something else than rows
    is asked for about ``n`` examples of its own. Raises EmptyCorpusError when there is
    nothing.
    """
    if not objective.reads_rows:
        return _own_examples(corpus, objective.for_evaluation(), n, length, split)
    try:
        documents = corpus.heldout(split, n)  # a corpus may score them only now
    except PretrainError:
        documents = corpus.heldout(split)[:n]
    if not documents:
        raise EmptyCorpusError(
            f"the {split} split of {corpus.name} holds no documents, so there is "
            "nothing to evaluate on: use a longer text or another split"
        )
    return prepare(documents, corpus.tokenizer, objective, length)


def _own_examples(corpus, objective, n, length, split) -> EvaluationSet:
    """Batches of whatever the objective reads, with a fixed seed for each."""
    pieces = objective.read(
        corpus, split, EVALUATION_SEED, rows=min(n, ROWS), length=length
    )
    batches = [
        objective(piece, corpus.tokenizer, generator_for(EVALUATION_SEED, i))
        for i, piece in enumerate(islice(pieces, math.ceil(n / ROWS)))
    ]
    if not batches:
        raise EmptyCorpusError(
            f"the {split} split of {corpus.name} gives no example to evaluate on: use "
            "a longer text or another split"
        )
    return EvaluationSet([], batches, [], objective)


def prepare(
    documents: list[Document], tokenizer, objective: Objective, length: int = 128
) -> EvaluationSet:
    """An evaluation set from documents of your own.

    A masked objective leaves out windows that hold no ordinary token, such as an empty
    document: there is nothing in them to hide. Raises EmptyCorpusError when no window
    is left, PretrainError when ``length`` is below 2.
    """
    if length < 2:
        raise PretrainError(f"windows of {length} tokens: give a length of 2 or more")
    special = tokenizer.special
    objective = objective.for_evaluation()
    windows = []
    for index, document in enumerate(documents):
        ids = [special.doc, *document.tokens, special.doc]
        for start in range(0, len(ids) - 1, length):
            window = ids[start : start + length + 1]
            read = set(window[:-1])
            if objective.alignment == "next" or not read <= set(special.ids):
                windows.append((index, start, window))
    if not windows:
        raise EmptyCorpusError(
            "the documents hold no ordinary token, so there is nothing to evaluate on: "
            "give documents of one token or more"
        )
    windows.sort(key=lambda window: len(window[2]))  # little padding in each batch
    batches, origins = [], []
    for first in range(0, len(windows), ROWS):
        group = windows[first : first + ROWS]
        longest = max(len(ids) for *_, ids in group)
        rows = rows_from(
            [ids + [special.pad] * (longest - len(ids)) for *_, ids in group], special
        )
        seeds = RowByRow([_seed_of(ids) for *_, ids in group])
        batches.append(objective(rows, tokenizer, seeds))
        origins.append(np.array([window[:2] for window in group]))
    return EvaluationSet(documents, batches, origins, objective)


def _seed_of(window: list[int]) -> int:
    """A seed from the tokens themselves, the same on every machine."""
    return EVALUATION_SEED << 32 | zlib.crc32(np.array(window, dtype="<i8").tobytes())


@dataclass(frozen=True)
class Score:
    """Losses of a model on an evaluation set, document by document.

    nats (n,): summed negative log-likelihood of each document's scored tokens.
    counts (n,): how many tokens were scored.
    metrics: further means by name, such as an accuracy, where the objective has some.

    Where the objective has a loss of its own, which cannot be told apart by document,
    there is one entry a batch instead.
    """

    nats: np.ndarray
    counts: np.ndarray
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def mean(self) -> float:
        """Nats per scored token: one sum over one count."""
        return float(self.nats.sum() / self.counts.sum())

    @property
    def perplexity(self) -> float:
        """exp of the mean. For a masked model this is no language-model perplexity."""
        return math.exp(min(self.mean, 700.0))

    def bits_per_byte(self, documents: list[Document]) -> float:
        """Total bits over total UTF-8 bytes of text: comparable across tokenizers.

        Only for a model that scored every token. The bits of the closing ``<doc>`` of
        each document are included.
        """
        expected = sum(len(d.tokens) + 1 for d in documents)
        if int(self.counts.sum()) != expected:
            raise PretrainError(
                f"bits per byte need every token scored: {int(self.counts.sum())} of "
                f"{expected} are (a masked model scores some tokens only)"
            )
        counts = Counts.of(documents, closing=True)
        return Rates(float(self.nats.sum()), counts).bits_per_byte


@torch.no_grad()
def evaluate(model, held_out: EvaluationSet) -> Score:
    """Score a model in evaluation mode; its training mode is left as it was."""
    was_training = model.training
    model.eval()
    try:
        return _score(model, held_out)
    finally:
        model.train(was_training)


def _score(model, held_out: EvaluationSet) -> Score:
    device = next(model.parameters()).device
    objective = held_out.objective
    by_document = bool(held_out.origins) and type(objective).loss is Objective.loss
    size = len(held_out.documents if by_document else held_out.batches)
    nats, counts = np.zeros(size), np.zeros(size, dtype=np.int64)
    found: dict[str, Loss] = {}
    for i, batch in enumerate(held_out.batches):
        moved = batch.to(device)
        for name, value in objective.metrics(model, moved).items():
            found[name] = found[name] + value if name in found else value
        if by_document:
            origin = held_out.origins[i]
            losses = _each_loss(model, objective, moved)
            np.add.at(nats, origin[:, 0], losses.sum(1).numpy())
            np.add.at(counts, origin[:, 0], batch.scored.sum(1).numpy())
        else:
            loss = objective.loss(model, moved)
            nats[i], counts[i] = float(loss.sum), batch.count
            for name, value in loss.parts.items():
                found[name] = found[name] + value if name in found else value
    metrics = {name: float(value.mean()) for name, value in found.items()}
    return Score(nats, counts, metrics)


def _each_loss(model, objective: Objective, batch: Batch) -> Tensor:
    """(B,T) nats of each scored token in float64 on the CPU, 0 elsewhere."""
    scored = batch.scored
    losses = torch.zeros(scored.shape, dtype=torch.float64)
    if scored.any():
        hidden = objective.hidden(model, batch)
        each = token_losses(model.logits(hidden[scored]), batch.targets[scored])
        if batch.weights is not None:
            each = each * batch.weights[scored]
        losses[scored.cpu()] = each.double().cpu()
    return losses


def scored_tokens(held_out: EvaluationSet) -> list[np.ndarray]:
    """For each document, the indices into ``document.tokens`` that are scored.

    Index ``len(tokens)`` is the closing ``<doc>``. A causal target sits one place right
    of the position that predicts it, a masked one at the position itself.
    """
    alignment = held_out.objective.alignment
    if alignment is None or not held_out.origins:
        raise PretrainError(
            f"{type(held_out.objective).__name__} does not score the tokens of a row "
            "where they stand, so its losses cannot be told apart token by token"
        )
    found = [[] for _ in held_out.documents]
    shift = 0 if alignment == "next" else -1
    for batch, origin in zip(held_out.batches, held_out.origins, strict=True):
        for row, (document, start) in enumerate(origin):
            columns = (batch.targets[row] != IGNORE).nonzero()[:, 0].numpy()
            found[document].append(columns + start + shift)
    none = np.zeros(0, dtype=np.int64)
    return [np.sort(np.concatenate([none, *parts])) for parts in found]


def floor(corpus, held_out: EvaluationSet) -> np.ndarray:
    """(n,) the least nats, in expectation, that any model can pay for each document.

    Causal, and all that predicts a token from those before it: the corpus's own
    surprisals. Masked: exact posteriors of the hidden tokens,
    where the corpus has ``masked_surprisals``. Raises PretrainError where no exact
    floor is known.
    """
    scored = scored_tokens(held_out)
    documents = held_out.documents
    if held_out.objective.alignment == "next":
        if any(d.surprisals is None for d in documents):
            raise PretrainError(
                f"{corpus.name} knows no exact causal floor: compare models with each "
                "other instead, or use a corpus whose documents carry surprisals"
            )
        return np.array(
            [d.surprisals[i].sum() for d, i in zip(documents, scored, strict=True)]
        )
    if isinstance(held_out.objective, Masked) and hasattr(corpus, "masked_surprisals"):
        return np.array(
            [
                np.sum(corpus.masked_surprisals(d.tokens, i)) if len(i) else 0.0
                for d, i in zip(documents, scored, strict=True)
            ]
        )
    raise PretrainError(
        f"{corpus.name} knows no exact floor for {type(held_out.objective).__name__}: "
        "compare models with each other instead, or use the hidden Markov language"
    )


@dataclass(frozen=True)
class Estimate:
    """A value with its standard error (over documents)."""

    value: float
    error: float

    @property
    def interval(self) -> tuple[float, float]:
        """The normal 95 % confidence interval."""
        return self.value - 1.96 * self.error, self.value + 1.96 * self.error

    def __str__(self) -> str:
        return f"{self.value:.4f} ± {1.96 * self.error:.4f}"


def excess(score: Score, best: np.ndarray) -> Estimate:
    """Mean nats per scored token above the floor, paired document by document.

    The estimate is a ratio of sums, so its error is linearized; documents, not tokens,
    are the independent units.
    """
    return ratio(score.nats - best, score.counts)


def ratio(totals: np.ndarray, counts: np.ndarray) -> Estimate:
    """Σ totals / Σ counts with a standard error over independent documents.

    One document alone says nothing about how documents differ: its error is NaN.
    Raises EmptyLossError when nothing was scored.
    """
    if not np.sum(counts):
        raise EmptyLossError("nothing was scored here: choose documents that were")
    n = len(totals)
    value = totals.sum() / counts.sum()
    residual = totals - value * counts
    spread = n / (n - 1) * (residual**2).sum() if n > 1 else math.nan
    error = math.sqrt(spread) / counts.sum()
    return Estimate(float(value), float(error))
