"""Chat: read the whole conversation, be scored on what the assistant says.

    tokens   <user>  Is  it  far  ?  <end>  <assistant>  Not  on  the  map  .  <end>
    scored      ·    ·   ·   ·    ·    ·         ·        ×   ×    ×    ×   ×    ×

The batch is the causal one; only the targets differ. A token is scored when it stands
in an assistant's turn, and ``<end>`` is one of those: it is how the model learns to
stop. The marker ``<assistant>`` is not, since whoever runs the model writes it. Roles
are read off the markers in the row itself, so packing several conversations into a row
changes nothing, and a turn cut by the row's end is scored as far as it goes.
"""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from pretrain.batch import Batch, Rows
from pretrain.corpora.chats import ASSISTANT, END, MARKERS, USER
from pretrain.errors import PretrainError
from pretrain.losses import IGNORE
from pretrain.objectives.base import Objective
from pretrain.objectives.causal import Causal
from pretrain.random import Generator
from pretrain.tokens import Tokenizer


@dataclass(frozen=True)
class Chat(Objective):
    """Supervised fine-tuning on conversations. @ouyang2022training

    score: "assistant" for what the assistant says, ``<end>`` included; "all" for every
        token, which is plain causal language modeling on rendered conversations.
    end_of_turn: False leaves ``<end>`` out of the scored tokens. It is a mistake that
        many have made, and is here to be shown: the model does not learn to stop.
    within_documents: keep attention inside each conversation of a packed row.
    """

    score: Literal["assistant", "all"] = "assistant"
    end_of_turn: bool = True
    within_documents: bool = True

    extra_tokens = MARKERS

    def __post_init__(self) -> None:
        if self.score not in ("assistant", "all"):
            raise PretrainError(
                f'score is {self.score!r}: give "assistant" or "all"'
            )

    def __call__(
        self, rows: Rows, tokenizer: Tokenizer, generator: Generator | None = None
    ) -> Batch:
        """Rows (B,T+1) to a batch (B,T). Uses no randomness.

        Raises PretrainError when the tokenizer lacks the markers. A batch in which no
        assistant speaks has nothing to score, and its loss says so.
        """
        batch = Causal(self.within_documents)(rows)
        if self.score == "all":
            return batch
        said = said_by_assistant(rows.tokens, tokenizer, self.end_of_turn)[:, 1:]
        return replace(batch, targets=batch.targets.masked_fill(~said, IGNORE))

    def for_evaluation(self) -> "Chat":
        """Held-out conversations are scored on the assistant's turns, always."""
        return Chat(within_documents=self.within_documents)


def said_by_assistant(
    tokens: Tensor, tokenizer: Tokenizer, end_of_turn: bool = True
) -> Tensor:
    """(B,T) True at what the assistant says: after its marker, up to its ``<end>``."""
    special = tokenizer.special
    assistant, end = special.extra(ASSISTANT), special.extra(END)
    index = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
    # A turn is over after its <end>; a document's <doc> closes whatever is open.
    closing = (tokens == special.extra(USER)) | (tokens == special.doc)
    opened = torch.where(tokens == assistant, index, -1).cummax(1).values
    closed = torch.where(closing, index, -1).cummax(1).values
    ended = torch.where(tokens == end, index, -1).cummax(1).values
    before = torch.nn.functional.pad(ended, (1, 0), value=-1)[:, :-1]
    speaking = (opened > closed) & (opened > before) & (tokens != assistant)
    return speaking if end_of_turn else speaking & (tokens != end)
