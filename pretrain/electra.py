"""ELECTRA's two networks: a small generator and the discriminator that is kept.

    inputs       The  <mask>  sat         generator → a token for each <mask>
    corrupted    The   dog    sat         discriminator → was it replaced?  (B,T)

The generator is thrown away after training. It is a masked model whose width is a share
of the discriminator's: of an equally strong one the discriminator would learn less
(@clark2020electra find a quarter to a half best). With ``tied`` embeddings the two read
and write tokens through one matrix, the discriminator's, and a narrow generator is
joined to it by two projections.
"""

from dataclasses import dataclass, replace

import torch.nn.functional as F
from torch import Tensor, nn

from pretrain.attention import Pattern, full
from pretrain.errors import PretrainError
from pretrain.heads import draw
from pretrain.model import ModelConfig, Transformer


@dataclass(frozen=True)
class ElectraConfig:
    """A discriminator, and a generator of a share of its width.

    share: generator width over discriminator width, 0 < share ≤ 1, rounded up to
        what its heads divide.
    tied: one embedding matrix for both.
    """

    discriminator: ModelConfig
    share: float = 0.5
    tied: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise PretrainError(
                f"the generator's share of the width is {self.share}: give a number "
                "above 0 and up to 1, such as 0.25"
            )

    @property
    def vocab_size(self) -> int:
        return self.discriminator.vocab_size

    @property
    def context(self) -> int:
        return self.discriminator.context

    @property
    def generator(self) -> ModelConfig:
        """The generator's sizes: as deep, of ``share`` of the width."""
        unit = 2 * self.discriminator.heads
        units = -(-self.discriminator.width * self.share // unit)
        return replace(self.discriminator, width=int(units) * unit)

    def build(self, seed: int = 0) -> "Electra":
        """A model of this configuration; ``seed`` sets its initial weights."""
        return Electra(self, seed)


class Generator(nn.Module):
    """A narrow masked model that reads and writes through another one's embedding."""

    def __init__(self, config: ModelConfig, outer: int, seed: int) -> None:
        super().__init__()
        # The blocks alone are used: its own embedding has one row, and is never read.
        self.trunk = Transformer(replace(config, vocab_size=1, bigram_rows=0), seed)
        self.trunk.embedding.weight.requires_grad_(False)
        self.enter = nn.Linear(outer, config.width, bias=False)
        self.leave = nn.Linear(config.width, outer, bias=False)
        draw(self.enter, self.leave, seed=seed)

    def hidden(self, x: Tensor, attention: Pattern, positions: Tensor | None) -> Tensor:
        """Embedded tokens (B,T,D) to states (B,T,D), both of the outer width."""
        return self.leave(self.trunk.run(self.enter(x), attention, positions))


class Electra(nn.Module):
    """Both networks. ``discriminator`` is the Transformer to keep afterwards."""

    def __init__(self, config: ElectraConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        width = config.discriminator.width
        self.discriminator = Transformer(config.discriminator, seed)
        if config.tied:
            self.generator = Generator(config.generator, width, seed + 1)
        else:
            self.generator = Transformer(config.generator, seed + 1)
        self.dense = nn.Linear(width, width)
        self.detect = nn.Linear(width, 1)
        draw(self.dense, self.detect, seed=seed)

    def generate_hidden(
        self,
        inputs: Tensor,
        attention: Pattern | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """The generator's states (B,T,·) for masked inputs (B,T)."""
        attention = attention or full()
        if self.config.tied:
            x = self.discriminator.embed(inputs, positions)
            return self.generator.hidden(x, attention, positions)
        return self.generator.hidden(inputs, attention, positions)

    def generate_logits(self, hidden: Tensor) -> Tensor:
        """The generator's states to logits over tokens (…, V)."""
        if self.config.tied:
            return self.discriminator.logits(hidden)
        return self.generator.logits(hidden)

    def hidden(
        self,
        inputs: Tensor,
        attention: Pattern | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """The discriminator's states (B,T,D) for token ids (B,T)."""
        return self.discriminator.hidden(inputs, attention or full(), positions)

    def logits(self, hidden: Tensor) -> Tensor:
        """The discriminator's states to logits over tokens (…, V)."""
        return self.discriminator.logits(hidden)

    def replaced_logits(self, hidden: Tensor) -> Tensor:
        """States (…, D) to one logit a token (…): above 0 means "replaced"."""
        return self.detect(F.gelu(self.dense(hidden))).squeeze(-1)

    @property
    def parameter_count(self) -> int:
        """All parameters; of the discriminator's alone ask ``discriminator``."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)
