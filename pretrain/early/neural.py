"""The neural probabilistic language model: words as vectors, a window, one layer.

    the   cat   sat   on   the   ▢             a window of n − 1 = 4 words
           │     │    │     │
           C     C    C     C                  one table of vectors for all places
           └──┬──┴────┴──┬──┘
              │      tanh(d + H x)             the hidden layer
              W x ──(+)── U tanh(…) + b        W: optional direct connections
                     │
                  softmax over all words

An n-gram table knows nothing of "the dog sat on" until it has seen it. Here "dog" and
"cat" come to have similar vectors, so what was learned of one holds for the other:
one sentence tells about all that are like it (@bengio2003neural).

It has the interface of a causal Transformer (``hidden``, ``logits``, ``config``), so
``fit``, ``evaluate`` and ``generate`` work with it as they are. The window ends at the
position itself and never reaches across the start of its document: places before that
hold a vector of zeros. What it does not do: weight decay as in the paper, and its
mixture with a trigram.

Legend: B batch, T positions, m numbers a word, D width of the hidden layer, V
vocabulary.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pretrain.attention import Pattern
from pretrain.errors import PretrainError
from pretrain.model import Cache


@dataclass(frozen=True)
class NeuralLMConfig:
    """Sizes and choices of a :class:`NeuralLM`."""

    vocab_size: int
    order: int = 5  # n: n − 1 words are read to predict the next
    embedding: int = 32  # m, the numbers that stand for a word
    width: int = 128  # D, units of the hidden layer
    direct: bool = False  # words also act on the logits directly (W of the paper)
    context: int = 512  # the longest row; costs nothing, since only n − 1 words count
    depth = 1  # layers that a Cache holds something for; no field, always 1

    def __post_init__(self) -> None:
        sizes = (self.vocab_size, self.embedding, self.width, self.context)
        if min(sizes) < 1 or self.order < 2:
            raise PretrainError(f"sizes start at 1 and the order at 2: {self}")

    def build(self, seed: int = 0) -> "NeuralLM":
        """A model of this configuration; ``seed`` sets its initial weights."""
        return NeuralLM(self, seed)


class NeuralLM(nn.Module):
    """Token ids in, logits out. ``seed`` sets the initial weights. @bengio2003neural

    The hidden layer is called a block, so that Muon trains its matrix and AdamW the
    rest (see ``optim.optimizers``).
    """

    def __init__(self, config: NeuralLMConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        read = (config.order - 1) * config.embedding
        self.embedding = nn.Embedding(config.vocab_size, config.embedding)  # C
        self.blocks = nn.ModuleList([nn.Linear(read, config.width)])  # H, d
        features = config.width + (read if config.direct else 0)
        self.head = nn.Linear(features, config.vocab_size)  # (U, W), b
        initialize(self, seed)

    def hidden(
        self,
        inputs: Tensor,
        attention: Pattern | None = None,
        positions: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """What the output layer reads at each position, for token ids (B,T).

        (B,T,D), and with direct connections (B,T,D + (n−1)m): the window's vectors
        follow the hidden units. ``positions`` (B,T) restart at every document of a
        packed row; without them the row is one document. A cache keeps the vectors of
        the words read so far. Raises PretrainError for a row longer than the context,
        for an attention pattern that looks ahead, and for a cache with positions.
        """
        check(inputs, attention, positions, cache, self.config.context)
        x = self.embedding(inputs)  # (B,T,m)
        T, places = inputs.shape[1], self.config.order - 1
        if cache is not None:
            x = cache.extend(0, x[:, None], x[:, None])[0][:, 0]  # all words so far
        x = window(x, places, positions)[:, -T:]  # (B,T,(n−1)m)
        units = torch.tanh(self.blocks[0](x))  # (B,T,D)
        return torch.cat([units, x], -1) if self.config.direct else units

    def logits(self, hidden: Tensor) -> Tensor:
        """From what :meth:`hidden` returns to (…, V)."""
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


def window(x: Tensor, places: int, positions: Tensor | None = None) -> Tensor:
    """The last ``places`` vectors at each position, side by side: (B,T,m) to (B,T,·).

    The position itself comes first, then the one before it, and so on. Places before
    the start of the row, or of the document where ``positions`` (B,T) are given, hold
    zeros.
    """
    back = []
    for steps in range(places):
        earlier = F.pad(x, (0, 0, steps, 0))[:, : x.shape[1]]  # (B,T,m)
        if positions is not None:
            earlier = earlier * (positions >= steps)[..., None]
        back.append(earlier)
    return torch.cat(back, -1)


def check(
    inputs: Tensor,
    attention: Pattern | None,
    positions: Tensor | None,
    cache: Cache | None,
    context: int,
) -> None:
    """What a model without attention refuses: it can read from left to right only."""
    T = inputs.shape[1]
    start = 0 if cache is None else cache.length
    if start + T > context:
        raise PretrainError(
            f"a row of {start + T} tokens does not fit this model's context of "
            f"{context}: cut the row or build the model with a longer context"
        )
    if cache is not None and positions is not None:
        raise PretrainError(
            "a cache holds one document, so positions have nothing to restart: "
            "leave them out"
        )
    if attention is None or T < 2:
        return
    at = torch.arange(T - 1, device=inputs.device)[None]
    row = torch.arange(attention.rows or 1, device=inputs.device)[:, None]
    if attention.rule(row, at, at + 1).any():
        raise PretrainError(
            f"this model reads from left to right, and under {attention.name!r} "
            "positions see what comes after them: train it with the causal objective"
        )


def initialize(model: nn.Module, seed: int) -> None:
    """Draw the initial weights from ``seed`` alone.

    Embeddings have standard deviation 1, so that tanh is used from the first step;
    matrices 1/√(inputs); the output layer and all biases start at zero, which makes
    the first loss exactly ln V.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim < 2 or name.startswith("head."):
                p.zero_()
            elif name.startswith("embedding."):
                p.normal_(0.0, 1.0, generator=generator)
            else:
                p.normal_(0.0, 1 / math.sqrt(p.shape[1]), generator=generator)
