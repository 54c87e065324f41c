"""Multi-token prediction: from one position, score the next K tokens.

    tokens   <doc>  The   cat   sat    on   the   mat    .   <doc>
    at The           ·    cat   sat    on                            K = 3
    scored          1     2     3    steps ahead, a cross-entropy each

Distance 1 is causal language modeling. The further targets make the model plan, says
@gloeckle2024better, who found gains for large models on code and none for small ones.
Targets stay inside the document: nobody is asked what the next document says. Held-out
text is scored causally, so the loss compares with a causal model's.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pretrain.batch import Batch, Rows
from pretrain.errors import PretrainError
from pretrain.losses import IGNORE, Loss, cross_entropy
from pretrain.objectives.base import Objective
from pretrain.objectives.causal import Causal
from pretrain.random import Generator
from pretrain.tokens import Tokenizer


@dataclass(frozen=True)
class MultiToken(Objective):
    """The multi-token objective, for a ``MultiTokenTransformer``. @gloeckle2024better

    further: what the losses at distances 2 … K are multiplied by; 1 in the paper.
    """

    further: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.further < float("inf"):
            raise PretrainError(
                f"the weight of further tokens is {self.further}: give 0 or more"
            )

    def __call__(
        self,
        rows: Rows,
        tokenizer: Tokenizer | None = None,
        generator: Generator | None = None,
    ) -> Batch:
        """Rows (B,T+1) to the causal batch (B,T). Uses no randomness."""
        return Causal()(rows)

    def loss(self, model, batch: Batch) -> Loss:
        """Σₖ of the losses at distance k, divided by the count at distance 1.

        The parts ``next``, ``ahead_2`` … are means over their own counts: near a
        document's end the further targets are fewer.
        """
        states = model.horizons(batch.inputs, batch.attention, batch.positions)
        total, parts = None, {}
        for k, hidden in enumerate(states, start=1):
            targets = ahead(batch, k)
            scored = targets != IGNORE
            found = cross_entropy(
                model.logits(hidden[scored]), targets[scored], empty="zero"
            )
            total = found.sum if total is None else total + self.further * found.sum
            parts["next" if k == 1 else f"ahead_{k}"] = found
        return Loss(total, batch.scored.sum(), parts)

    def for_evaluation(self) -> Causal:
        """Head 1 alone, scored as any causal model."""
        return Causal()


def ahead(batch: Batch, k: int) -> Tensor:
    """(B,T) the token k steps after each position, −100 where its document ends first.

    ``<doc>`` closes a document, so it is the last target there is.
    """
    T = batch.targets.shape[1]
    targets = torch.full_like(batch.targets, IGNORE)
    if k > T:
        return targets
    targets[:, : T - k + 1] = batch.targets[:, k - 1 :]
    # Position t + k − 1 predicts that token: it must be of the same document as t.
    same, ids = torch.zeros_like(targets, dtype=torch.bool), batch.documents
    same[:, : T - k + 1] = ids[:, k - 1 :] == ids[:, : T - k + 1]
    return targets.masked_fill(~same, IGNORE)
