"""Heads: what a Transformer needs beside itself to judge a pair of segments.

    <doc>  A  A  A  <doc>  B  B  <doc>
      0    0  0  0    0    1  1    1      segment numbers, embedded and added
      ↓
    pooled = tanh(W h₀ + b) → two logits  0 "they belong so", 1 "they do not"

BERT's form (@devlin2019bert): the state of the first position is pooled and read by a
two-way classifier. It costs 2·D + D² + D + 2·D + 2 parameters beside the trunk.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pretrain.attention import Pattern, full
from pretrain.model import ModelConfig, Transformer


@dataclass(frozen=True)
class PairConfig:
    """A Transformer with segment embeddings and a two-way head."""

    trunk: ModelConfig

    @property
    def vocab_size(self) -> int:
        return self.trunk.vocab_size

    @property
    def context(self) -> int:
        return self.trunk.context

    def build(self, seed: int = 0) -> "PairModel":
        """A model of this configuration; ``seed`` sets its initial weights."""
        return PairModel(self, seed)


class PairModel(nn.Module):
    """Reads two segments. ``trunk`` is the Transformer to keep afterwards."""

    def __init__(self, config: PairConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        width = config.trunk.width
        self.trunk = Transformer(config.trunk, seed)
        self.segment = nn.Embedding(2, width)
        self.pooler = nn.Linear(width, width)
        self.classifier = nn.Linear(width, 2)
        draw(self.segment, self.pooler, self.classifier, seed=seed)

    def hidden(
        self,
        inputs: Tensor,
        attention: Pattern | None = None,
        positions: Tensor | None = None,
        segments: Tensor | None = None,
    ) -> Tensor:
        """States (B,T,D) for token ids and segment numbers (B,T), all 0 if not given.

        ``attention`` is full unless another pattern is given.
        """
        if segments is None:
            segments = torch.zeros_like(inputs)
        x = self.trunk.embed(inputs, positions) + self.segment(segments)
        return self.trunk.run(x, attention or full(), positions)

    def logits(self, hidden: Tensor) -> Tensor:
        """(…, D) to (…, V)."""
        return self.trunk.logits(hidden)

    def pair_logits(self, hidden: Tensor) -> Tensor:
        """States (B,T,D) to two logits a row (B,2), read off the first position."""
        return self.classifier(torch.tanh(self.pooler(hidden[:, 0])))

    @property
    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())


def draw(*modules: nn.Module, seed: int) -> None:
    """Draw the weights of added layers from ``seed`` alone; their biases are 0.

    Matrices have standard deviation 0.5/√(inputs) and embeddings 0.02, as in the trunk.
    """
    generator = torch.Generator().manual_seed(seed + 1)  # not the trunk's own numbers
    with torch.no_grad():
        for module in modules:
            for part in module.modules():
                if isinstance(part, nn.Embedding):
                    part.weight.normal_(0.0, 0.02, generator=generator)
                elif isinstance(part, nn.Linear | nn.Conv2d):
                    std = 0.5 / math.sqrt(part.weight[0].numel())
                    part.weight.normal_(0.0, std, generator=generator)
                    if part.bias is not None:
                        part.bias.zero_()
