"""How much to train: a budget is tokens, never seconds, and knows its device."""

import os
from dataclasses import dataclass, replace
from typing import Literal

import torch

from pretrain.errors import PretrainError


@dataclass(frozen=True)
class Budget:
    """How much to train, and how. Budgets are tokens, never seconds.

    tokens: input tokens read in all.  rows, length: the shape of a batch (B, T).
    micro_batches: gradient accumulation; the result is the same, memory is less.
    evaluations: how often the held-out set is scored, evenly spaced, the end included.
    held_out: how many held-out documents are scored.
    """

    tokens: int = 1_000_000
    rows: int = 16
    length: int = 128
    packing: Literal["whole", "concat", "pad"] = "whole"
    optimizer: Literal["muon", "adamw"] = "muon"
    lr: float = 0.02
    muon_lr: float = 0.03
    warmup: float = 0.02
    decay: float = 0.5
    clip: float = 1.0
    micro_batches: int = 1
    evaluations: int = 10
    held_out: int = 300
    checkpoints: int = 1

    def __post_init__(self) -> None:
        if min(self.tokens, self.rows, self.micro_batches) < 1:
            raise PretrainError(f"tokens, rows and micro_batches start at 1: {self}")

    @property
    def steps(self) -> int:
        return max(1, round(self.tokens / (self.rows * self.length)))


def budget(device: str | torch.device | None = None, **changes) -> Budget:
    """The documented budget of a device, with changes.

    cpu: 1M tokens in batches of 16 × 128, about a minute on two cores for the default
    model. mps and cuda: 20M tokens in batches of 128 × 128. When the environment says
    ``PRETRAIN_BUDGET=smoke`` every run takes 4 steps: enough to see that a page works,
    not that a model learns.
    """
    kind = torch.device(device or choose_device()).type
    sizes = {"cpu": Budget(), "mps": Budget(tokens=20_000_000, rows=128)}
    sizes["cuda"] = sizes["mps"]
    chosen = replace(sizes.get(kind, Budget()), **changes)
    if smoke():
        few = min(chosen.rows, 4)
        chosen = replace(
            chosen, tokens=4 * few * chosen.length, rows=few, held_out=8, evaluations=2
        )
    return chosen


def smoke() -> bool:
    """True when ``PRETRAIN_BUDGET=smoke`` asks for the smallest runs."""
    return os.environ.get("PRETRAIN_BUDGET") == "smoke"


def choose_device() -> torch.device:
    """CUDA if there is one, then Apple's MPS, then the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")
