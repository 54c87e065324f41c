"""Objectives by name, with their options, a model for each and a corpus that fits.

    span --rate 0.15 --mean-span 3   →   SpanCorruption(0.15, 3.0)
                                         EncoderDecoderConfig if form asks for it
                                         WithTokens(corpus, its sentinels)

What ``python -m pretrain`` offers, as plain functions. DPO and the policy gradient are
not here: they start from a trained model, not from a corpus alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pretrain.clip import ClipConfig, SentenceConfig
from pretrain.corpora.chats import Chats
from pretrain.corpora.extended import WithTokens
from pretrain.corpora.microworld import Microworld
from pretrain.electra import ElectraConfig
from pretrain.encoder_decoder import EncoderDecoderConfig
from pretrain.errors import PretrainError
from pretrain.heads import PairConfig
from pretrain.model import ModelConfig
from pretrain.multi_token import MultiTokenConfig
from pretrain.objectives import (
    Causal,
    Chat,
    Denoising,
    FillInTheMiddle,
    ImageText,
    Masked,
    MaskedDiffusion,
    MixtureOfDenoisers,
    MultiToken,
    Objective,
    Pairs,
    Prefix,
    Replaced,
    SimCSE,
    SpanCorruption,
)
from pretrain.objectives.regularized import Regularized
from pretrain.objectives.rewriting import Rewriting

CORPORA = ("microworld", "hmm", "python-docs", "shapes")
REGULARIZERS = ("smoothing", "z", "chunk")
"""Options of every objective whose loss is one cross-entropy a token."""


@dataclass(frozen=True)
class Choice:
    """One name on the command line.

    make: the objective's class, or a function of its options.
    options: the option's name, and the argument of ``make`` that it is.
    build: from the sizes of a Transformer (and model options) to a configuration.
    sizes: the options that ``build`` takes instead of ``make``.
    unit: what the loss is a mean over.
    """

    make: Callable[..., Objective]
    options: dict[str, str]
    build: Callable[..., Any] = ModelConfig
    sizes: tuple[str, ...] = ()
    unit: str = "token"
    corpus: str = "microworld"


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def _pairs(kind: str) -> Callable[..., Pairs]:
    def make(rate: float | None = None, **options) -> Pairs:
        pairs = Pairs(kind, **options)
        return pairs if rate is None else replace(pairs, masked=Masked(rate))

    return make


def _replaced(rate: float | None = None, **options) -> Replaced:
    made = Replaced(**options)
    if rate is None:
        return made
    return replace(made, masked=replace(made.masked, rate=rate))


def _pair_model(**sizes) -> PairConfig:
    return PairConfig(ModelConfig(**sizes))


def _two_stacks(**sizes) -> EncoderDecoderConfig:
    return EncoderDecoderConfig(**sizes, decoder_depth=sizes["depth"])


def _electra(generator_share: float = 0.5, **sizes) -> ElectraConfig:
    return ElectraConfig(ModelConfig(**sizes), generator_share)


PAIRS = {"rate": "rate", "pair_weight": "pair_weight"}
CHOICES: dict[str, Choice] = {
    "causal": Choice(Causal, {}),
    "masked": Choice(Masked, _same("rate", "whole_words")),
    "prefix": Choice(Prefix, _same("k", "share")),
    "span": Choice(SpanCorruption, _same("rate", "mean_span", "sentinels", "form")),
    "denoising": Choice(
        Denoising,
        {"rate": "infill"}
        | _same("mean_span", "mask", "delete", "permute", "rotate", "form"),
    ),
    "mixture": Choice(MixtureOfDenoisers, _same("sentinels", "form")),
    "fim": Choice(FillInTheMiddle, _same("rate", "spm")),
    "diffusion": Choice(MaskedDiffusion, {}),
    "multi-token": Choice(
        MultiToken, _same("further"), MultiTokenConfig, ("horizons",)
    ),
    "chat": Choice(Chat, _same("score")),
    "nsp": Choice(_pairs("nsp"), PAIRS, _pair_model, unit="token or pair"),
    "sop": Choice(_pairs("sop"), PAIRS, _pair_model, unit="token or pair"),
    "replaced": Choice(
        _replaced,
        _same("rate", "variant", "weight", "temperature"),
        _electra,
        ("generator_share",),
        unit="scored token of either network",
    ),
    "clip": Choice(
        ImageText,
        _same("detail"),
        lambda **sizes: ClipConfig(ModelConfig(**sizes)),
        unit="match",
        corpus="shapes",
    ),
    "simcse": Choice(
        SimCSE,
        _same("temperature"),
        lambda **sizes: SentenceConfig(ModelConfig(**sizes)),
        unit="match",
    ),
}


def choose(name: str, options: dict[str, Any]) -> Objective:
    """The objective of that name; ``options`` are those that were given.

    Raises PretrainError for an option that this objective does not have, and what the
    objective raises for a wrong value.
    """
    chosen = CHOICES[name]
    known = {*chosen.options, *chosen.sizes, *REGULARIZERS}
    for option in options:
        if option not in known:
            having = [n for n, c in CHOICES.items() if option in (*c.options, *c.sizes)]
            raise PretrainError(
                f"--{option.replace('_', '-')} is no option of {name}: leave it out, "
                f"or choose {' or '.join(having)}"
            )
    made = chosen.make(
        **{to: options[o] for o, to in chosen.options.items() if o in options}
    )
    further = {o: options[o] for o in REGULARIZERS if o in options}
    return Regularized(made, **further) if further else made


def configure(
    name: str, objective: Objective, options: dict[str, Any], length: int, **sizes
):
    """A configuration of the model that the objective trains on rows of ``length``.

    Where an answer follows the row in the same row, the context is three times as long:
    as many tokens again, and marks around each span.
    """
    chosen = CHOICES[name]
    longest = 3 * length if isinstance(objective, Rewriting) else length
    sizes["context"] = max(512, longest)
    build = chosen.build
    if getattr(objective, "form", None) == "encoder-decoder":
        build = _two_stacks
    return build(**sizes, **{o: options[o] for o in chosen.sizes if o in options})


def open_corpus(name: str):
    """A corpus by name, or the text file at that path."""
    if name == "microworld":
        return Microworld()
    if name == "hmm":
        from pretrain.corpora.markov import weather

        return weather()
    if name == "python-docs":
        from pretrain.corpora.python_docs import PythonDocs

        return PythonDocs()
    if name == "shapes":
        from pretrain.corpora.shapes import Shapes

        return Shapes()
    from pretrain.corpora.files import TextFile

    return TextFile(name)


def corpus_for(name: str, objective: Objective, corpus: str | None):
    """The corpus by name, as the objective reads it: with its tokens, or its chats.

    Raises PretrainError for a corpus without the conversations that "chat" needs.
    """
    found = open_corpus(corpus or CHOICES[name].corpus)
    if name == "chat":
        if not isinstance(found, Microworld):
            raise PretrainError(
                f"{found.name} holds no conversations, and the chat objective scores "
                "what an assistant says: choose the corpus microworld"
            )
        return Chats(found)
    needed = objective.extra_tokens
    return WithTokens(found, needed) if needed else found
