"""Objectives: one file each, from packed rows to a batch. See ``base``."""

from pretrain.objectives.base import Objective
from pretrain.objectives.causal import Causal
from pretrain.objectives.masked import Masked
from pretrain.objectives.prefix import Prefix

__all__ = ["Causal", "Masked", "Objective", "Prefix"]
