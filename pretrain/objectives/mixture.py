"""A mixture of denoisers: several kinds of span corruption, each with its mode token.

    <R>   regular   a few short spans            mean 3 or 8, 15 %      knowing
    <X>   extreme   half of it, or long spans    50 %, or mean 64       writing much
    <S>   sequel    one span at the end, 25 %    a prefix LM            writing on

    document   The cat sat on the mat by the door .
    source     <doc>  <X>  The  <extra_0>  the  mat  <extra_1>
    answer     <extra_0>  cat  sat  on  <extra_1>  by  the  door  .  <extra_2>

UL2's idea (@tay2023ul2): the objectives differ only in how much is hidden and how, so
train one model on all, and let a token say which it is; at use, the token asks for that
mode. Each document draws its denoiser. The sequel needs no code of its own: T5's noise
always ends with the document, so a single span *is* its end.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pretrain.errors import PretrainError
from pretrain.objectives.rewriting import Form, Pair, Rewriting, check_form, check_rate
from pretrain.objectives.span import (
    check_span,
    cut_out,
    noise_mask,
    sentinel_ids,
    sentinel_names,
)
from pretrain.tokens import Tokenizer


@dataclass(frozen=True)
class Denoiser:
    """One kind of span corruption.

    mode: the letter of its mode token. rate: share of the tokens that are hidden.
    mean_span: tokens of a span on average; None hides one span, at the end.
    """

    mode: str
    rate: float
    mean_span: float | None

    def __post_init__(self) -> None:
        check_rate(self.rate, f"rate of denoiser {self.mode}")
        if self.mean_span is not None:
            check_span(self.mean_span)


UL2 = (
    Denoiser("R", 0.15, 3.0),
    Denoiser("R", 0.15, 8.0),
    Denoiser("S", 0.25, None),
    Denoiser("X", 0.5, 3.0),
    Denoiser("X", 0.5, 8.0),
    Denoiser("X", 0.15, 64.0),
    Denoiser("X", 0.5, 64.0),
)
"""The seven denoisers of @tay2023ul2, table 1, which draws them uniformly."""


@dataclass(frozen=True)
class MixtureOfDenoisers(Rewriting):
    """UL2's objective. @tay2023ul2

    denoisers: what to draw from.
    weights: how often each is drawn, relative to the others; None is equally often.
    sentinels: how many sentinel tokens the vocabulary holds.
    form: "one-stack" for a Transformer, "encoder-decoder" for an EncoderDecoder.
    """

    draws: ClassVar[int] = 2
    shortest: ClassVar[int] = 2

    denoisers: tuple[Denoiser, ...] = UL2
    weights: tuple[float, ...] | None = None
    sentinels: int = 32
    form: Form = "one-stack"

    def __post_init__(self) -> None:
        check_form(self.form)
        if not self.denoisers:
            raise PretrainError("a mixture of no denoisers: give one or more")
        weights = self.weights
        if weights is None:
            return
        valid = all(w >= 0 and math.isfinite(w) for w in weights) and sum(weights) > 0
        if not valid or len(weights) != len(self.denoisers):
            raise PretrainError(
                f"the weights {weights} must be {len(self.denoisers)} numbers ≥ 0, one "
                "for each denoiser, and not all 0"
            )

    @property
    def extra_tokens(self) -> tuple[str, ...]:
        """The sentinels and the mode tokens."""
        modes = dict.fromkeys(f"<{each.mode}>" for each in self.denoisers)
        return (*sentinel_names(self.sentinels), *modes)

    def draw(self, lot: float) -> Denoiser:
        """The denoiser at a uniform number in [0, 1)."""
        weights = self.weights or (1.0,) * len(self.denoisers)
        point, reach = lot * sum(weights), 0.0
        drawn = self.denoisers[0]
        for denoiser, weight in zip(self.denoisers, weights, strict=True):
            if weight and reach <= point:
                drawn = denoiser
            reach += weight
        return drawn

    def rewrite(
        self, tokens: list[int], lots: np.ndarray, closed: bool, tokenizer: Tokenizer
    ) -> Pair:
        """A document's source, which begins with the mode token, and its answer."""
        drawn, special = self.draw(float(lots[0, 1])), tokenizer.special
        span = len(tokens) if drawn.mean_span is None else drawn.mean_span
        noise = noise_mask(len(tokens), drawn.rate, span, lots[:, 0])
        source, answer = cut_out(tokens, noise, sentinel_ids(special))
        return [special.extra(f"<{drawn.mode}>"), *source], answer
