"""The recurrent language model: a state that reads on, one token after another.

    x₁     x₂     x₃     x₄
    │      │      │      │
    h₁ ──→ h₂ ──→ h₃ ──→ h₄      h_t = f(x_t, h_{t−1}): h₄ has to wait for h₃
    │      │      │      │
    x₂?    x₃?    x₄?    x₅?

In principle the state remembers without limit, and it costs the same at every step.
But its steps cannot be done at once, not even in training, where all inputs are known.
In a causal Transformer they can: with teacher forcing every position reads the true
tokens before it, and the whole row is one pass. ``parallel_loss`` and
``sequential_loss`` compute the same loss of the same model in both ways;
``benchmarks/recurrent.py`` times them.

Two cells: Elman's simple recurrent network (@elman1990finding) and the gated recurrent
unit (@cho2014learning), both PyTorch's. The model has the interface of a causal
Transformer (``hidden``, ``logits``, ``config``), so ``fit``, ``evaluate`` and
``generate`` work with it as they are. In packed rows the state starts anew at every
document: documents are laid side by side, and those that are over drop out, so no step
is spent on padding.

Legend: B batch, T positions, D width, V vocabulary.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from pretrain.attention import Pattern
from pretrain.early.neural import check, initialize
from pretrain.errors import PretrainError
from pretrain.losses import Loss, cross_entropy
from pretrain.model import Cache

CELLS = {"gru": nn.GRU, "elman": nn.RNN}


@dataclass(frozen=True)
class RecurrentConfig:
    """Sizes and choices of a :class:`Recurrent`."""

    vocab_size: int
    width: int = 96  # D, of the embeddings and of the state
    depth: int = 1  # layers, each reading the states of the one below
    cell: Literal["gru", "elman"] = "gru"
    context: int = 512  # the longest row

    def __post_init__(self) -> None:
        if min(self.vocab_size, self.width, self.depth, self.context) < 1:
            raise PretrainError(f"all sizes must be 1 or more: {self}")
        if self.cell not in CELLS:
            raise PretrainError(f"cell {self.cell!r}: choose one of {', '.join(CELLS)}")

    def build(self, seed: int = 0) -> "Recurrent":
        """A model of this configuration; ``seed`` sets its initial weights."""
        return Recurrent(self, seed)


class Recurrent(nn.Module):
    """Token ids in, logits out. ``seed`` sets the initial weights."""

    def __init__(self, config: RecurrentConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        cell, D = CELLS[config.cell], config.width
        self.embedding = nn.Embedding(config.vocab_size, D)
        self.blocks = nn.ModuleList(
            cell(D, D, batch_first=True) for _ in range(config.depth)
        )
        self.head = nn.Linear(D, config.vocab_size)
        initialize(self, seed)

    def hidden(
        self,
        inputs: Tensor,
        attention: Pattern | None = None,
        positions: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """The last layer's states (B,T,D) for token ids (B,T).

        ``positions`` (B,T) restart at every document of a packed row, and the state
        with them; without them the row is one document. A cache keeps the states, of
        which the last is read on. Raises PretrainError for a row longer than the
        context, for an attention pattern that looks ahead, and for a cache with
        positions.
        """
        check(inputs, attention, positions, cache, self.config.context)
        x = self.embedding(inputs)  # (B,T,D)
        if positions is not None:
            order, sizes = side_by_side(positions)
            flat = x.flatten(0, 1)[order]  # (B·T,D), time by time
            for layer in self.blocks:
                flat = layer(PackedSequence(flat, sizes))[0].data
            back = torch.empty_like(order)
            back[order] = torch.arange(len(order), device=order.device)
            return flat[back].view(x.shape)
        for index, layer in enumerate(self.blocks):
            start = None
            if cache is not None and cache.layers[index] is not None:
                start = cache.layers[index][0][:, 0, -1].contiguous()[None]  # (1,B,D)
            x = layer(x, start)[0]
            if cache is not None:
                cache.extend(index, x[:, None], x[:, None])
        return x

    def logits(self, hidden: Tensor) -> Tensor:
        """(…, D) to (…, V)."""
        return self.head(hidden)

    def forward(
        self,
        inputs: Tensor,
        attention: Pattern | None = None,
        positions: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """Logits (B,T,V) for token ids (B,T). See :meth:`hidden`."""
        return self.logits(self.hidden(inputs, attention, positions, cache))

    @property
    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())


def side_by_side(positions: Tensor) -> tuple[Tensor, Tensor]:
    """The documents of packed rows, longest first, read in step.

    positions (B,T) restart where a document does. Returns (B·T,) the places in the
    flattened rows ordered by time inside the document, and (longest,) how many
    documents have a token at each time: what a ``PackedSequence`` is made of.
    """
    B, T = positions.shape
    flat = positions.flatten()
    starts = torch.ones_like(flat, dtype=torch.bool)
    starts[1:] = flat[1:] != flat[:-1] + 1
    starts[::T] = True  # a row goes on from no other
    segment = starts.cumsum(0) - 1  # (B·T,) which document
    index = torch.arange(B * T, device=flat.device)
    time = index - index[starts][segment]  # (B·T,) its step in that document
    lengths = segment.bincount()
    rank = lengths.argsort(descending=True, stable=True).argsort()
    order = (time * len(lengths) + rank[segment]).argsort()
    return order, time.bincount().cpu()


def parallel_loss(model: nn.Module, inputs: Tensor, targets: Tensor) -> Loss:
    """The causal loss of rows (B,T) in one pass, every true token known beforehand.

    Teacher forcing, @williams1989learning. Each row is one document.
    """
    return cross_entropy(model(inputs), targets)


def sequential_loss(model: nn.Module, inputs: Tensor, targets: Tensor) -> Loss:
    """The same loss, one position at a time, as a model reads when it writes.

    With a cache, so that nothing is computed twice: what it costs more is not
    arithmetic but waiting. Works for every model here, and for the Transformer.
    """
    cache = Cache(model.config.depth)
    states = [
        model.hidden(inputs[:, t : t + 1], cache=cache) for t in range(inputs.shape[1])
    ]
    return cross_entropy(model.logits(torch.cat(states, 1)), targets)
