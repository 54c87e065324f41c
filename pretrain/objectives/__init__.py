"""Objectives: one file each, from packed rows to a batch. See ``base``."""

from pretrain.objectives.base import Objective
from pretrain.objectives.causal import Causal
from pretrain.objectives.chat import Chat
from pretrain.objectives.contrastive import ImageText, SimCSE
from pretrain.objectives.denoising import Denoising
from pretrain.objectives.diffusion import MaskedDiffusion
from pretrain.objectives.fill_in_the_middle import FillInTheMiddle
from pretrain.objectives.masked import Masked
from pretrain.objectives.mixture import MixtureOfDenoisers
from pretrain.objectives.multi_token import MultiToken
from pretrain.objectives.pairs import Pairs
from pretrain.objectives.preference import DPO, PolicyGradient, WithReference
from pretrain.objectives.prefix import Prefix
from pretrain.objectives.replaced import Replaced
from pretrain.objectives.span import SpanCorruption

__all__ = [
    "Causal",
    "Chat",
    "DPO",
    "Denoising",
    "FillInTheMiddle",
    "ImageText",
    "Masked",
    "MaskedDiffusion",
    "MixtureOfDenoisers",
    "MultiToken",
    "Objective",
    "Pairs",
    "PolicyGradient",
    "Prefix",
    "Replaced",
    "SimCSE",
    "SpanCorruption",
    "WithReference",
]
