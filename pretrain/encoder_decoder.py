"""An encoder–decoder: one stack reads the source, another writes the answer.

    source    <doc>  The  <extra_0>  on  the  mat  .        every position sees all
    answer    <doc>  <extra_0>  cat  sat                    causal, and sees the source
    targets   <extra_0>  cat  sat  <extra_1>

The recipe is that of ``model.py``, and so are the blocks; a decoder block has
cross-attention between its two halves: queries from the answer, keys and values from
the encoder's last states. Cross-attention knows no positions, as in T5
(@raffel2020exploring): what it looks for has to be in the states. Both stacks share one
embedding, which also writes the tokens.

At equal depth it has more than twice the parameters of one stack, but each token runs
through one of the two stacks only; that is how the literature compares the two.

Not here: a cache of keys and values.

Legend: B batch, S source positions, T answer positions, D width, N heads, H head width.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pretrain.attention import Pattern, causal, full, prepare, same_document
from pretrain.errors import PretrainError
from pretrain.model import (
    EPS,
    Block,
    ModelConfig,
    Norm,
    Transformer,
    initialize,
)


@dataclass(frozen=True)
class EncoderDecoderConfig(ModelConfig):
    """As ``ModelConfig``; ``depth`` is the encoder's, ``context`` each stack's."""

    depth: int = 2
    decoder_depth: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.decoder_depth < 1:
            raise PretrainError(f"all sizes must be 1 or more: {self}")

    def build(self, seed: int = 0) -> "EncoderDecoder":
        """A model of this configuration; ``seed`` sets its initial weights."""
        return EncoderDecoder(self, seed)


class CrossAttention(nn.Module):
    """Attention from the answer to the source. @vaswani2017attention"""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads, self.qk_norm = config.heads, config.qk_norm
        width = config.width
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.q_gain = self.k_gain = None
        if config.norm == "rms_gain" and self.qk_norm:
            self.q_gain = nn.Parameter(torch.ones(width // self.heads))
            self.k_gain = nn.Parameter(torch.ones(width // self.heads))

    def forward(self, x: Tensor, memory: Tensor, seen: Tensor | None) -> Tensor:
        """x (B,T,D), memory (B,S,D), seen (B,T,S) booleans or None for all: (B,T,D)."""
        B, T, D = x.shape
        q = self._heads(self.query(x))  # (B,N,T,H)
        k, v = self._heads(self.key(memory)), self._heads(self.value(memory))
        if self.qk_norm:
            q = F.rms_norm(q, q.shape[-1:], self.q_gain, eps=EPS)
            k = F.rms_norm(k, k.shape[-1:], self.k_gain, eps=EPS)
        mask = None if seen is None else seen[:, None]  # (B,1,T,S)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.out(y.transpose(1, 2).reshape(B, T, D))

    def _heads(self, x: Tensor) -> Tensor:
        """(B,T,D) to (B,N,T,H)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class DecoderBlock(Block):
    """Self-attention, cross-attention, feed-forward, each after a norm and added."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__(config, layer)
        self.norm_cross = Norm(config.width, config.norm)
        self.cross = CrossAttention(config)

    def forward(self, x: Tensor, memory: Tensor, seen: Tensor | None, *how) -> Tensor:
        x = x + self.attention(self.norm_attention(x), *how)
        x = x + self.cross(self.norm_cross(x), memory, seen)
        return x + self.feed_forward(self.norm_feed_forward(x))


class EncoderDecoder(Transformer):
    """A ``Transformer`` as the encoder, with a decoder beside it."""

    def __init__(self, config: EncoderDecoderConfig, seed: int = 0) -> None:
        super().__init__(config, seed)
        self.decoder_blocks = nn.ModuleList(
            DecoderBlock(config, i) for i in range(config.decoder_depth)
        )
        self.decoder_norm = Norm(config.width, config.norm)
        initialize(self, seed)

    def encode(
        self,
        source: Tensor,
        source_documents: Tensor | None = None,
        source_positions: Tensor | None = None,
    ) -> Tensor:
        """The encoder's states (B,S,D) for source ids (B,S).

        Every position sees its own document's (all of the row, without documents).
        """
        seen = full()
        if source_documents is not None:
            seen = same_document(source_documents)
        return super().hidden(source, seen, source_positions)

    def hidden(
        self,
        inputs: Tensor,
        attention: Pattern | None = None,
        positions: Tensor | None = None,
        *,
        source: Tensor | None = None,
        documents: Tensor | None = None,
        source_documents: Tensor | None = None,
        source_positions: Tensor | None = None,
    ) -> Tensor:
        """The decoder's normalized states (B,T,D) for answer ids (B,T).

        With ``documents`` (B,T) and ``source_documents`` (B,S), −1 for padding, each
        answer sees its own document's source alone. Raises PretrainError without a
        source, and for rows longer than the context.
        """
        if source is None:
            raise PretrainError(
                "an encoder–decoder needs a source to read: give it an objective with "
                "form='encoder-decoder', or train a Transformer"
            )
        if max(inputs.shape[1], source.shape[1]) > self.config.context:
            raise PretrainError(
                f"a source of {source.shape[1]} and an answer of {inputs.shape[1]} "
                f"tokens do not fit a context of {self.config.context}: shorten the "
                "rows or build the model with a longer context"
            )
        memory = self.encode(source, source_documents, source_positions)  # (B,S,D)
        seen = None
        if documents is not None and source_documents is not None:
            seen = sees_source(documents, source_documents)
        attention = attention or causal()
        turns = self._rotations()
        turns = turns[: inputs.shape[1]] if positions is None else turns[positions]
        prepared = prepare(attention, inputs.shape[1], inputs.device)
        x = self.embed(inputs, positions)
        if self.config.embedding_norm:
            x = F.rms_norm(x, x.shape[-1:], eps=EPS)
        for block in self.decoder_blocks:
            x = block(x, memory, seen, turns, attention, prepared, None)
        return self.decoder_norm(x)

    def forward(self, inputs: Tensor, *how, **source) -> Tensor:
        """Logits (B,T,V) for answer ids (B,T). See :meth:`hidden`."""
        return self.logits(self.hidden(inputs, *how, **source))


def sees_source(documents: Tensor, source_documents: Tensor) -> Tensor:
    """(B,T,S) booleans: which source positions each answer position may look at.

    Those of its own document, never padding. A padding position sees everything, so
    that no row of the softmax is empty; nothing scored depends on it.
    """
    own = documents[:, :, None] == source_documents[:, None]
    return own | (documents < 0)[:, :, None]


@torch.no_grad()
def write(
    model: EncoderDecoder, source: Tensor, start: int, stop: int, most: int = 64
) -> list[int]:
    """The greedy answer to one source (1,S), which ends before the token ``stop``.

    ``start`` opens the answer and is not returned.
    """
    answer = [start]
    while len(answer) <= min(most, model.config.context - 1):
        inputs = torch.tensor([answer], device=source.device)
        token = int(model(inputs, source=source)[0, -1].argmax())
        if token == stop:
            break
        answer.append(token)
    return answer[1:]
