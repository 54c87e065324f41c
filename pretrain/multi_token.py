"""A Transformer that predicts several tokens ahead, with one head for each distance.

    trunk      h_t  (B,T,D), the last states
    head 1     h_t itself             → x_{t+1}     the ordinary language model
    head 2     block₂(h_t)            → x_{t+2}
    head k     block_k(h_t)           → x_{t+k}     all through one unembedding

The form of @gloeckle2024better: every further head is one Transformer layer on the
trunk's states, and all share the output matrix. Head 1 has no layer of its own here, so
that a trunk trained this way is an ordinary causal model: evaluate it, generate from
it, export it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pretrain.attention import Pattern, causal, prepare
from pretrain.errors import PretrainError
from pretrain.model import Block, ModelConfig, Norm, Transformer, initialize


@dataclass(frozen=True)
class MultiTokenConfig(ModelConfig):
    """As ``ModelConfig``; ``horizons`` is how many tokens ahead are predicted."""

    horizons: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.horizons < 1:
            raise PretrainError(f"{self.horizons} horizons: predict 1 token or more")

    def build(self, seed: int = 0) -> "MultiTokenTransformer":
        """A model of this configuration; ``seed`` sets its initial weights."""
        return MultiTokenTransformer(self, seed)


class MultiTokenTransformer(Transformer):
    """A Transformer with further heads; ``forward`` is head 1 alone."""

    def __init__(self, config: MultiTokenConfig, seed: int = 0) -> None:
        super().__init__(config, seed)
        ahead = range(2, config.horizons + 1)
        self.further_blocks = nn.ModuleList(Block(config, k) for k in ahead)
        norms = [Norm(config.width, config.norm) for _ in ahead]
        self.further_norms = nn.ModuleList(norms)
        initialize(self, seed)

    def horizons(
        self,
        inputs: Tensor,
        attention: Pattern | None = None,
        positions: Tensor | None = None,
    ) -> list[Tensor]:
        """States (B,T,D) for each distance 1 … K, ready for :meth:`logits`."""
        attention = attention or causal()
        hidden = self.hidden(inputs, attention, positions)
        turns = self._rotations()
        turns = turns[: inputs.shape[1]] if positions is None else turns[positions]
        prepared = prepare(attention, inputs.shape[1], inputs.device)
        found = [hidden]
        for block, norm in zip(self.further_blocks, self.further_norms, strict=True):
            found.append(norm(block(hidden, turns, attention, prepared, None)))
        return found

    def draft(self, inputs: Tensor) -> Tensor:
        """(B,K) the likeliest tokens at distances 1 … K after the rows' ends.

        What self-speculative decoding proposes before head 1 checks it.
        """
        states = torch.stack([h[:, -1] for h in self.horizons(inputs)], 1)  # (B,K,D)
        return self.logits(states).argmax(-1)
