"""What every objective is: read, corrupt, score.

    corpus → read → rows → objective(rows) → batch → loss(model, batch) → (sum, count)

An objective is a frozen dataclass. Calling it decides three separate things: what is
*corrupted* (the inputs), what is *scored* (the targets) and what is *seen* (the
attention pattern). It never changes the rows it is given, and all its randomness comes
from the generator. Most objectives need no more than that call. Those whose data are
not packed rows (pairs of sentences, images with captions) also say how to ``read``;
those whose loss is not one cross-entropy a token (two heads, two models) also say what
their ``loss`` is. The trainer knows nothing else of them.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from torch import Tensor

from pretrain.batch import Batch, Rows
from pretrain.losses import Loss, cross_entropy, token_losses
from pretrain.packing import Strategy, batches
from pretrain.random import Generator
from pretrain.tokens import Tokenizer


class Objective:
    """The base of all objectives; a subclass is a frozen dataclass.

    alignment: which token of the row the logits at position t are scored on: "next" is
        t + 1 (causal, prefix), "same" is t (masked), None neither: the objective
        rearranges the row, or does not read rows.
    reads_rows: True where ``read`` gives packed ``Rows`` of the corpus's documents.
    """

    alignment: ClassVar[Literal["next", "same"] | None] = "next"
    reads_rows: ClassVar[bool] = True

    @property
    def extra_tokens(self) -> tuple[str, ...]:
        """Names of the special tokens that it needs beyond the usual ones.

        ``corpora.extended.WithTokens(corpus, objective.extra_tokens)`` adds them.
        """
        return ()

    def __call__(self, rows: Any, tokenizer: Tokenizer, generator: Generator) -> Batch:
        """One piece of what ``read`` gives, to a batch (B,T)."""
        raise NotImplementedError

    def read(
        self,
        corpus,
        split: str,
        seed: int,
        *,
        rows: int,
        length: int,
        packing: Strategy = "whole",
        skip: int = 0,
    ) -> Iterator[Rows]:
        """What is called on: pieces of ``rows`` rows, the first ``skip`` left out."""
        stream = corpus.stream(split, seed)
        special = corpus.tokenizer.special
        return batches(stream, special, rows, length, packing, skip=skip)

    def loss(self, model, batch: Batch) -> Loss:
        """The loss of a batch, as a sum in nats and the count it will be divided by.

        That count is ``batch.count``. Logits are made at scored positions only. Parts
        worth a column of their own in the log go into ``Loss.parts``.
        """
        hidden = self.hidden(model, batch)  # (B,T,D)
        scored = batch.scored
        logits, targets = model.logits(hidden[scored]), batch.targets[scored]
        if batch.weights is None:
            return cross_entropy(logits, targets)
        weighted = token_losses(logits, targets) * batch.weights[scored]
        return Loss(weighted.sum(), scored.sum())

    def hidden(self, model, batch: Batch) -> Tensor:
        """The states (B,T,D) from which the model's logits are made."""
        return model.hidden(batch.inputs, batch.attention, batch.positions)

    def for_evaluation(self) -> "Objective":
        """The objective that held-out text is scored with: itself by default."""
        return self

    def metrics(self, model, batch: Batch) -> dict[str, Loss]:
        """Further (sum, count) pairs of held-out data, such as an accuracy.

        Logged as ``eval_<name>``, each divided by its own count.
        """
        return {}
