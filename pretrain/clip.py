"""Two encoders into one space: images and captions, or a sentence seen twice.

    image    (32,32,3) → stem → 16 patches → Transformer ─┐
                                                          ├→ unit vectors of E numbers
    caption  <doc> a red circle → Transformer ────────────┘

An image goes through a small stem of three convolutions, each of which halves it, so
that a shape looks the same wherever it is; what comes out are patches of 8 × 8 pixels.
Their row and column are learned embeddings, since rotary positions know one dimension
only. A vector for the whole comes from the state of a first position: ``<doc>`` in a
text, a learned summary token before an image (@radford2021learning, whose image encoder
has no such stem and whose text encoder is causal and read at its end).

The temperature is learned as ``logit_scale`` = ln(1/τ), from ln(1/0.07), and is kept at
ln 100 or below, as in CLIP.
"""

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pretrain.attention import Pattern, full, same_document
from pretrain.batch import PADDING
from pretrain.errors import PretrainError
from pretrain.heads import draw
from pretrain.model import ModelConfig, Transformer
from pretrain.packing import rows_from
from pretrain.random import generator_for
from pretrain.tokens import Tokenizer

LARGEST_SCALE = math.log(100.0)
FIRST_SCALE = math.log(1 / 0.07)
PATCH = 8


@dataclass(frozen=True)
class ClipConfig:
    """A text encoder, an image encoder of the same width, and what joins them."""

    text: ModelConfig
    image_depth: int = 2
    embedding: int = 32  # E: what both are compared in
    side: int = 32  # pixels
    channels: int = 16  # of the stem's first convolution

    def __post_init__(self) -> None:
        if self.side < PATCH or self.side % PATCH:
            raise PretrainError(
                f"patches of {PATCH} pixels do not tile images of {self.side}: give a "
                "side that is a multiple"
            )

    @property
    def vocab_size(self) -> int:
        return self.text.vocab_size

    @property
    def context(self) -> int:
        return self.text.context

    @property
    def image(self) -> ModelConfig:
        """The image encoder: its one token is the summary that opens each image."""
        patches = (self.side // PATCH) ** 2
        return replace(
            self.text,
            vocab_size=1,
            depth=self.image_depth,
            context=patches + 1,
            bigram_rows=0,
        )

    def build(self, seed: int = 0) -> "Clip":
        """A model of this configuration; ``seed`` sets its initial weights."""
        return Clip(self, seed)


class Clip(nn.Module):
    """Encodes images and texts as unit vectors (B,E)."""

    def __init__(self, config: ClipConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        width, grid, channels = config.text.width, config.side // PATCH, config.channels
        self.text = Transformer(config.text, seed)
        self.image = Transformer(config.image, seed + 1)
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels, 3, stride=2, padding=1), nn.GELU(),
            nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1), nn.GELU(),
            nn.Conv2d(2 * channels, width, 3, stride=2, padding=1),
        )  # fmt: skip
        self.row, self.column = nn.Embedding(grid, width), nn.Embedding(grid, width)
        self.text_out = nn.Linear(width, config.embedding, bias=False)
        self.image_out = nn.Linear(width, config.embedding, bias=False)
        draw(self.stem, self.row, self.column, self.text_out, self.image_out,
             seed=seed)  # fmt: skip
        self.logit_scale = nn.Parameter(torch.tensor(FIRST_SCALE))

    def encode_images(self, images: Tensor) -> Tensor:
        """Images (B,S,S,3), numbers from 0 to 1, to unit vectors (B,E).

        Raises PretrainError for images of another shape.
        """
        side = self.config.side
        if images.ndim != 4 or images.shape[1:] != (side, side, 3):
            raise PretrainError(
                f"images of shape {tuple(images.shape)}: this model reads "
                f"(B, {side}, {side}, 3)"
            )
        B = len(images)
        x = self.stem(2 * images.permute(0, 3, 1, 2) - 1)  # (B,D,G,G) from (B,3,S,S)
        x = x.permute(0, 2, 3, 1)  # (B,G,G,D)
        x = x + self.row.weight[:, None] + self.column.weight
        summary = self.image.embedding.weight.expand(B, 1, -1)
        x = torch.cat([summary, x.flatten(1, 2)], 1)  # (B,1+G·G,D)
        return F.normalize(self.image_out(self.image.run(x, full())[:, 0]), dim=-1)

    def encode_texts(
        self,
        inputs: Tensor,
        attention: Pattern | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """Token ids (B,T), each row opened by ``<doc>``, to unit vectors (B,E)."""
        hidden = self.text.hidden(inputs, attention or full(), positions)  # (B,T,D)
        return F.normalize(self.text_out(hidden[:, 0]), dim=-1)

    def scale(self) -> Tensor:
        """1/τ, at most 100. The parameter itself is kept there, or it could be stuck
        above, where a clamped value has no gradient."""
        with torch.no_grad():
            self.logit_scale.clamp_(max=LARGEST_SCALE)
        return self.logit_scale.exp()

    @property
    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())


@dataclass(frozen=True)
class SentenceConfig:
    """A Transformer as an encoder of sentences, with dropout around it."""

    trunk: ModelConfig
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise PretrainError(f"dropout is {self.dropout}: give 0 ≤ dropout < 1")

    @property
    def vocab_size(self) -> int:
        return self.trunk.vocab_size

    @property
    def context(self) -> int:
        return self.trunk.context

    def build(self, seed: int = 0) -> "SentenceEncoder":
        """A model of this configuration; ``seed`` sets its initial weights."""
        return SentenceEncoder(self, seed)


class SentenceEncoder(nn.Module):
    """Sentences to unit vectors (B,D), the mean of the states at their tokens.

    The Transformer itself has no dropout. Here it is put at two places around it: on
    the embeddings before the blocks and on the states after them. Its masks come from
    a seed, not from the training mode, so that a loss repeats exactly.
    """

    def __init__(self, config: SentenceConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.trunk = Transformer(config.trunk, seed)

    def encode(
        self,
        inputs: Tensor,
        attention: Pattern | None = None,
        positions: Tensor | None = None,
        kept: Tensor | None = None,
        noise: int | None = None,
    ) -> Tensor:
        """Token ids (B,T) to unit vectors (B,D).

        kept (B,T): True where a state counts in the mean; all by default.
        noise: the seed of the dropout masks; None drops nothing.
        """
        masks = None if noise is None else generator_for(noise)
        x = self._drop(self.trunk.embed(inputs, positions), masks)
        x = self._drop(self.trunk.run(x, attention or full(), positions), masks)
        if kept is None:
            kept = torch.ones_like(inputs, dtype=torch.bool)
        total = (x * kept[..., None]).sum(1)  # (B,D)
        return F.normalize(total / kept.sum(1, keepdim=True).clamp(min=1), dim=-1)

    def _drop(self, x: Tensor, masks: torch.Generator | None) -> Tensor:
        rate = self.config.dropout
        if masks is None or not rate:
            return x
        keep = torch.rand(x.shape, generator=masks) >= rate  # on the CPU: the same
        return x * keep.to(x.device) / (1 - rate)  # numbers on every device

    @property
    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())


def padded(
    texts: list[list[int]], tokenizer: Tokenizer
) -> tuple[Tensor, Pattern, Tensor, Tensor]:
    """Token ids (B,T) of one text a row, opened by ``<doc>``, as encoders read them.

    Returns inputs, attention, positions, documents; −1 in the last is padding. Raises
    PretrainError for no texts, or an empty one.
    """
    if not texts or not all(texts):
        raise PretrainError("give one text or more, each of one token or more")
    special, longest = tokenizer.special, max(map(len, texts))
    pads = [[special.pad] * (longest - len(text)) for text in texts]
    opened = [[special.doc, *text] + pad for text, pad in zip(texts, pads, strict=True)]
    rows = rows_from(opened, special)
    attention = full()
    if (rows.documents == PADDING).any():
        attention = attention & same_document(rows.documents)
    return rows.tokens, attention, rows.positions, rows.documents


@torch.no_grad()
def zero_shot(
    model: Clip, images: Tensor, prompts: list[str], tokenizer: Tokenizer
) -> Tensor:
    """For each image (B,S,S,3) the index (B,) of the prompt it is nearest to.

    ``prompts`` has one text a class, such as "a red circle". @radford2021learning
    """
    inputs, attention, positions, _ = padded(
        [tokenizer.encode(prompt) for prompt in prompts], tokenizer
    )
    device = images.device
    texts = model.encode_texts(inputs.to(device), attention, positions.to(device))
    return (model.encode_images(images) @ texts.T).argmax(-1)
