"""Sliding windows: the likelihood of a text that is longer than the context.

Window 4, stride 2, text 0 … 7, P the token that opens the text:

    reads    P 0 1 2                   scores   0 1 2 3     the first scores all
    reads        1 2 3 4                            . . 4 5
                   (2 3 4 5: the last input predicts)
    reads            3 4 5 6                            . . 6 7

Each token is scored once, in the first window that reaches it, where it has the most
left context: a window reads as many tokens as fit, also the last, and scores its last
``stride``. So a token after the first window sees between length − stride + 1 and
length tokens. A small stride gives more context and costs more: every token is read
about length / stride times. A loss is only comparable with another of the same length
*and* stride.

The windows are those of lm-evaluation-harness (its ``context_len`` is
length − stride + 1).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from pretrain.corpora.document import Document
from pretrain.errors import EmptyCorpusError, PretrainError
from pretrain.evaluation.likelihood import Score
from pretrain.losses import IGNORE, token_losses

ROWS = 16


class Window(NamedTuple):
    """One row of a sliding evaluation."""

    inputs: list[int]
    """What the model reads, at most ``length`` tokens."""
    targets: list[int]
    """What is scored: the targets of the last ``len(targets)`` inputs."""

    def split(self) -> tuple[list[int], list[int]]:
        """(context, continuation): what is only read, and what is scored.

        Their concatenation, without its last token, is ``inputs``.
        """
        return self.inputs[: len(self.inputs) - len(self.targets) + 1], self.targets


def rolling_windows(
    tokens: Sequence[int], prefix: int, length: int, stride: int | None = None
) -> list[Window]:
    """Windows over a text that score each of its tokens once; none for no tokens.

    ``prefix`` is read before the first token, so that it too is predicted. The stride
    is the length unless given. Raises PretrainError unless 1 ≤ stride ≤ length.
    """
    stride = length if stride is None else stride
    if not 1 <= stride <= length:
        raise PretrainError(
            f"a stride of {stride} with windows of {length} tokens: give 1 ≤ stride ≤ "
            "length, or tokens are left out"
        )
    text = [prefix, *tokens]  # target i of the text is text[i + 1]
    windows, done = [], 0
    while done < len(tokens):
        end = min(done + (stride if done else length), len(tokens))
        inputs = text[max(end - length, 0) : end]
        windows.append(Window(inputs, text[done + 1 : end + 1]))
        done = end
    return windows


@torch.no_grad()
def rolling_surprisals(
    model,
    tokens: Sequence[int],
    prefix: int,
    length: int | None = None,
    stride: int | None = None,
    rows: int = ROWS,
) -> np.ndarray:
    """(T,) nats: −log p of each token of a text under a causal model.

    ``length`` is the model's context unless given. To score the end of a document, let
    the tokens end with ``<doc>``. ``rows`` windows are read at a time. Raises
    PretrainError as :func:`rolling_windows` does, and where windows exceed the context.
    """
    length = model.config.context if length is None else length
    windows = rolling_windows(tokens, prefix, length, stride)
    return np.concatenate([np.zeros(0), *_score(model, windows, rows)])


def rolling_evaluate(
    model,
    documents: Sequence[Document],
    tokenizer,
    length: int | None = None,
    stride: int | None = None,
    rows: int = ROWS,
) -> Score:
    """A causal model on whole documents, each with its closing ``<doc>``.

    Every token of every document is scored once. Documents are independent: no window
    crosses from one to the next. Raises EmptyCorpusError without documents.
    """
    if not documents:
        raise EmptyCorpusError("there are no documents to evaluate on: give some")
    doc = tokenizer.special.doc
    length = model.config.context if length is None else length
    windows, owners = [], []
    for owner, document in enumerate(documents):
        made = rolling_windows([*document.tokens, doc], doc, length, stride)
        windows += made
        owners += [owner] * len(made)
    nats = np.zeros(len(documents))
    np.add.at(nats, owners, [found.sum() for found in _score(model, windows, rows)])
    return Score(nats, np.array([len(d.tokens) + 1 for d in documents]))


@torch.no_grad()
def _score(model, windows: list[Window], rows: int) -> list[np.ndarray]:
    """The nats of each window's targets, in the order of the windows."""
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    found: list[np.ndarray] = [np.zeros(0)] * len(windows)
    order = sorted(range(len(windows)), key=lambda i: len(windows[i].inputs))
    try:
        for start in range(0, len(order), rows):
            group = order[start : start + rows]
            longest = max(len(windows[i].inputs) for i in group)
            # Padding on the right: no token of a causal model sees it.
            inputs = torch.zeros(len(group), longest, dtype=torch.long)
            targets = torch.full_like(inputs, IGNORE)
            for row, i in enumerate(group):
                n, scored = len(windows[i].inputs), len(windows[i].targets)
                inputs[row, :n] = torch.tensor(windows[i].inputs)
                targets[row, n - scored : n] = torch.tensor(windows[i].targets)
            hidden = model.hidden(inputs.to(device))  # (B,T,D)
            where = targets != IGNORE
            logits = model.logits(hidden[where.to(device)])  # (M,V)
            nats = token_losses(logits, targets[where].to(device)).double().cpu()
            ends = np.cumsum([len(windows[i].targets) for i in group])[:-1]
            for i, part in zip(group, np.split(nats.numpy(), ends), strict=True):
                found[i] = part
    finally:
        model.train(was_training)
    return found
