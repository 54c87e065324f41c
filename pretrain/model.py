"""One Transformer for every objective: what differs is the attention pattern.

The recipe, each choice an option of :class:`ModelConfig`: RMS norms without gains
before each half-block and on the embedding, rotary positions (@su2024roformer), queries
and keys normalized (QK-norm), squared ReLU, tied embeddings, no biases, output
projections that start at zero. With these choices the weights fit
``NanoChatForCausalLM`` of transformers 5 (see ``hf.py``).

Not here: dropout (a token is rarely seen twice), grouped-query attention, mixture of
experts.

Legend: B batch, T positions, D width, N heads, H head width, V vocabulary.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pretrain.attention import CAUSAL, Pattern, attend, causal, prepare
from pretrain.errors import PretrainError

EPS = 1e-6
BIGRAM_MULTIPLIER = 31_337


@dataclass(frozen=True)
class ModelConfig:
    """Sizes and choices. The comments say why."""

    vocab_size: int
    width: int = 64
    depth: int = 3
    heads: int = 4
    context: int = 512  # the longest row; rotary positions cost no parameters
    expansion: int = 4  # feed-forward width over width
    activation: Literal["relu2", "gelu", "swiglu"] = "relu2"
    norm: Literal["rms", "layer", "rms_gain"] = "rms"  # rms_gain learns a gain
    embedding_norm: bool = True  # tied embeddings then only set the scale of logits
    qk_norm: bool = True  # keeps attention logits bounded, so higher rates are stable
    tied: bool = True  # one matrix reads and writes tokens: fewer parameters
    zero_init: bool = True  # each block starts as the identity
    rope_base: float = 1_000.0  # wavelengths up to about 2π·1000: rows are short
    bigram_rows: int = 0  # hashed previous-token embedding; 0 is off (not exportable)

    def __post_init__(self) -> None:
        if self.width % (2 * self.heads):
            raise PretrainError(
                f"width {self.width} must be a multiple of twice the {self.heads} "
                "heads: rotary positions turn pairs of numbers"
            )
        if min(self.vocab_size, self.width, self.depth, self.heads, self.context) < 1:
            raise PretrainError(f"all sizes must be 1 or more: {self}")

    def build(self, seed: int = 0) -> "Transformer":
        """A model of this configuration; ``seed`` sets its initial weights."""
        return Transformer(self, seed)


class Cache:
    """Keys and values of the positions read so far, one pair a layer (B,N,T,H).

    ``two_way_prompt``: what is read first, into the empty cache, is seen from both
    sides, as a prefix LM reads its prefix; all that follows is causal.
    """

    def __init__(self, depth: int, two_way_prompt: bool = False) -> None:
        self.two_way_prompt = two_way_prompt
        self.layers: list[tuple[Tensor, Tensor] | None] = [None] * depth
        self.last: Tensor | None = None  # the last token read (B,1), for bigrams

    @property
    def length(self) -> int:
        return 0 if self.layers[0] is None else self.layers[0][0].shape[2]

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        if (past := self.layers[layer]) is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        self.layers[layer] = (k, v)
        return k, v


class Norm(nn.Module):
    """Scale each vector to unit mean square (``layer``: and mean zero)."""

    def __init__(self, width: int, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.gain = nn.Parameter(torch.ones(width)) if kind == "rms_gain" else None

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "layer":
            return F.layer_norm(x, x.shape[-1:], eps=EPS)
        return F.rms_norm(x, x.shape[-1:], self.gain, eps=EPS)


class Attention(nn.Module):
    """Multi-head attention under a pattern. @vaswani2017attention"""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.heads = config.heads
        self.layer = layer
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=False)
        self.out = nn.Linear(config.width, config.width, bias=False)
        gains = config.norm == "rms_gain"
        self.qk_norm = config.qk_norm
        head = config.width // config.heads
        self.q_gain = nn.Parameter(torch.ones(head)) if gains and self.qk_norm else None
        self.k_gain = nn.Parameter(torch.ones(head)) if gains and self.qk_norm else None

    def forward(
        self,
        x: Tensor,
        turns: Tensor,
        pattern: Pattern,
        prepared,
        cache: Cache | None,
    ) -> Tensor:
        B, T, D = x.shape
        q, k, v = self.project(x, turns)
        if cache is not None:
            two_way = cache.two_way_prompt and cache.layers[self.layer] is None
            k, v = cache.extend(self.layer, k, v)
            # The new positions see everything cached, and each other causally.
            seen = torch.ones(T, k.shape[2], dtype=torch.bool, device=x.device)
            seen = seen if two_way else seen.tril(k.shape[2] - T)
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        else:
            y = attend(q, k, v, pattern, prepared)
        return self.out(y.transpose(1, 2).reshape(B, T, D))

    def project(self, x: Tensor, turns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values (B,N,T,H) of the states x (B,T,D)."""
        B, T, D = x.shape
        N, H = self.heads, D // self.heads
        q, k, v = self.qkv(x).view(B, T, 3, N, H).unbind(2)  # each (B,T,N,H)
        if self.qk_norm:
            q = F.rms_norm(q, (H,), self.q_gain, eps=EPS)
            k = F.rms_norm(k, (H,), self.k_gain, eps=EPS)
        q, k = rotate(q, turns), rotate(k, turns)
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)


class FeedForward(nn.Module):
    """The half-block that works on each position alone."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.activation = config.activation
        inner = config.expansion * config.width
        if config.activation == "swiglu":
            # Three matrices instead of two: two thirds of the width, equal parameters.
            inner = int(inner * 2 / 3 / 8) * 8
            self.gate = nn.Linear(config.width, inner, bias=False)
        self.up = nn.Linear(config.width, inner, bias=False)
        self.down = nn.Linear(inner, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = self.up(x)
        if self.activation == "relu2":
            h = F.relu(h).square()
        elif self.activation == "gelu":
            h = F.gelu(h)
        else:
            h = F.silu(self.gate(x)) * h
        return self.down(h)


class Block(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x))."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.norm_attention = Norm(config.width, config.norm)
        self.attention = Attention(config, layer)
        self.norm_feed_forward = Norm(config.width, config.norm)
        self.feed_forward = FeedForward(config)

    def forward(self, x: Tensor, *how) -> Tensor:
        x = x + self.attention(self.norm_attention(x), *how)
        return x + self.feed_forward(self.norm_feed_forward(x))


class Transformer(nn.Module):
    """Token ids in, logits out. ``seed`` sets the initial weights.

    With ``checkpoint_blocks`` set to True, training keeps only what goes into each
    block and runs the block once more when its gradient is due: the same loss and
    gradients, for less memory and more time (@chen2016training).
    """

    checkpoint_blocks = False

    def __init__(self, config: ModelConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.width)
        self.bigram = (
            nn.Embedding(config.bigram_rows, config.width)
            if config.bigram_rows
            else None
        )
        self.blocks = nn.ModuleList(Block(config, i) for i in range(config.depth))
        self.norm = Norm(config.width, config.norm)
        self.head = (
            None
            if config.tied
            else nn.Linear(config.width, config.vocab_size, bias=False)
        )
        # Not a buffer: a model cast to bfloat16, or to any real type, would spoil it.
        self._turns: dict[tuple, Tensor] = {}
        initialize(self, seed)

    def hidden(
        self,
        inputs: Tensor,
        attention: Pattern | None = None,
        positions: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """The last layer's normalized states (B,T,D) for token ids (B,T).

        ``attention`` is causal unless another pattern is given. ``positions`` (B,T)
        restart in packed rows; without them positions count from 0 (or from the
        cache's length). Raises PretrainError when the row is longer than the context,
        when the pattern is for another number of rows, and for a cache under any
        pattern but causal: what is cached must not depend on what comes later.
        """
        attention = attention or causal()
        if cache is not None and attention != CAUSAL:
            raise PretrainError(
                f"a cache works with causal attention, not with {attention.name!r}: "
                "there a new token changes what earlier positions hold"
            )
        if attention.rows not in (None, 1, len(inputs)):
            raise PretrainError(
                f"the attention pattern is for {attention.rows} rows and the inputs "
                f"have {len(inputs)}: build both from the same batch"
            )
        x = self.embed(inputs, positions, cache)
        return self.run(x, attention, positions, cache)

    def embed(
        self,
        inputs: Tensor,
        positions: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """What the blocks read for token ids (B,T), before any norm: (B,T,D)."""
        x = self.embedding(inputs)
        if self.bigram is not None:
            x = x + self.bigram(self._previous(inputs, positions, cache))
        return x

    def run(
        self,
        x: Tensor,
        attention: Pattern,
        positions: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """The blocks, on embedded rows (B,T,D): of tokens, or of anything else."""
        start = cache.length if cache is not None else 0
        T = x.shape[1]
        if start + T > self.config.context:
            raise PretrainError(
                f"a row of {start + T} tokens does not fit this model's context of "
                f"{self.config.context}: cut the row or build the model with "
                "a longer context"
            )
        turns = self._rotations()  # (context,H/2)
        turns = turns[start : start + T] if positions is None else turns[positions]
        prepared = prepare(attention, T, x.device) if cache is None else None
        if self.config.embedding_norm:
            x = F.rms_norm(x, x.shape[-1:], eps=EPS)
        again = self.checkpoint_blocks and cache is None and torch.is_grad_enabled()
        for block in self.blocks:
            how = (x, turns, attention, prepared, cache)
            # No dropout, so there is no random state to put back.
            options = {"use_reentrant": False, "preserve_rng_state": False}
            x = checkpoint(block, *how, **options) if again else block(*how)
        return self.norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """(…, D) to (…, V)."""
        weight = self.embedding.weight if self.head is None else self.head.weight
        return F.linear(hidden, weight)

    def forward(
        self,
        inputs: Tensor,
        attention: Pattern | None = None,
        positions: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """Logits (B,T,V) for token ids (B,T). See :meth:`hidden`."""
        return self.logits(self.hidden(inputs, attention, positions, cache))

    def _rotations(self) -> Tensor:
        """Unit complex numbers (context, H/2): by how much each position turns."""
        weight = self.embedding.weight
        key = (weight.device, weight.dtype == torch.float64)
        if key not in self._turns:
            H = self.config.width // self.config.heads
            rate = self.config.rope_base ** (-torch.arange(0, H, 2).double() / H)
            angle = torch.arange(self.config.context).double()[:, None] * rate
            turns = torch.polar(torch.ones_like(angle), angle)
            kind = torch.complex128 if key[1] else torch.complex64
            self._turns[key] = turns.to(kind).to(weight.device)
        return self._turns[key]

    def _previous(
        self, inputs: Tensor, positions: Tensor | None, cache: Cache | None
    ) -> Tensor:
        """Hash of (previous token, token), with no previous token at a document start.

        Without that reset the embedding would carry a token across the boundary that
        the attention pattern closes.
        """
        before = F.pad(inputs + 1, (1, 0))[:, :-1]
        if cache is not None:
            if cache.last is not None:
                before[:, :1] = cache.last + 1
            cache.last = inputs[:, -1:]
        if positions is not None:
            before = before * (positions > 0)
        return (before * BIGRAM_MULTIPLIER + inputs) % self.config.bigram_rows

    @property
    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())


def rotate(x: Tensor, turns: Tensor) -> Tensor:
    """Rotary positions as one complex product. x: (B,T,N,H). @su2024roformer

    Neighboring numbers (2i, 2i+1) of a head are one complex number; position t turns
    it by t times its own rate, so that q·k depends on the distance of the two alone.
    """
    turns = turns.unsqueeze(-2)  # (T,1,H/2) or (B,T,1,H/2)
    wide = x if x.dtype == torch.float64 else x.float()  # complex numbers need them
    pairs = torch.view_as_complex(wide.reshape(*x.shape[:-1], -1, 2))  # (B,T,N,H/2)
    return torch.view_as_real(pairs * turns).flatten(-2).to(x.dtype)


def initialize(model: Transformer, seed: int) -> None:
    """Draw the initial weights from ``seed`` alone, whatever was drawn before.

    Matrices have standard deviation 0.5/√(inputs); projections back into the stream
    start at zero, so that each block starts as the identity.
    """
    generator = torch.Generator().manual_seed(seed)
    config = model.config
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim < 2:
                p.fill_(1.0)  # gains
            elif name.endswith(("out.weight", "down.weight")):
                if config.zero_init:
                    p.zero_()
                else:
                    std = 0.5 / math.sqrt(p.shape[1] * 2 * config.depth)
                    p.normal_(0.0, std, generator=generator)
            elif name in ("head.weight", "bigram.weight"):
                p.zero_()
            elif name == "embedding.weight":
                p.normal_(0.0, 0.02, generator=generator)
            else:
                p.normal_(0.0, 0.5 / math.sqrt(p.shape[1]), generator=generator)


def redraw(model: nn.Module, seed: int = 0, std: float = 0.2) -> nn.Module:
    """Replace every weight by a random one; returns the model.

    For tests of who sees whom: with projections that start at zero a model without any
    mask moves past logits by exactly nothing, and every leak stays hidden.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0.0, std, generator=generator)
    return model
