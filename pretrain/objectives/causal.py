"""Causal language modeling: predict each token from those before it.

    tokens   <doc>  The   cat   sat    .   <doc>
    inputs   <doc>  The   cat   sat    .
    targets   The   cat   sat    .   <doc>        one step to the left
    seen     itself and everything before it in the same document

The shift happens here and nowhere else: the logits at a position are scored against
``targets`` at the same position. ``<doc>`` opens every document, so that the first word
is scored too, and closes it, so that the model learns to stop.
"""

from dataclasses import dataclass

from pretrain.attention import causal, same_document
from pretrain.batch import PADDING, Batch, Rows
from pretrain.errors import PretrainError
from pretrain.losses import IGNORE
from pretrain.objectives.base import Objective
from pretrain.random import Generator
from pretrain.tokens import Tokenizer


@dataclass(frozen=True)
class Causal(Objective):
    """The causal objective. @radford2018improving

    within_documents: keep attention inside each document of a packed row. Without it a
        token also sees the unrelated documents before its own.
    """

    within_documents: bool = True

    def __call__(
        self,
        rows: Rows,
        tokenizer: Tokenizer | None = None,
        generator: Generator | None = None,
    ) -> Batch:
        """Rows (B,T+1) to a batch (B,T). Uses no randomness.

        Raises PretrainError when the rows hold fewer than two tokens.
        """
        if rows.tokens.shape[1] < 2:
            raise PretrainError(
                "a causal row needs two tokens or more: one to read, one to predict"
            )
        documents = rows.documents[:, :-1]
        # A target is scored unless it, or the position that predicts it, is padding.
        padding = (documents == PADDING) | (rows.documents[:, 1:] == PADDING)
        attention = causal()
        if self.within_documents and documents.any():
            attention = attention & same_document(documents)
        return Batch(
            inputs=rows.tokens[:, :-1],
            targets=rows.tokens[:, 1:].masked_fill(padding, IGNORE),
            attention=attention,
            positions=rows.positions[:, :-1],
            documents=documents,
        )
