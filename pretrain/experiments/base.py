"""What an experiment is: a question, a published trend, and a grid of trainings.

    arms × seeds → fit → measure → one small log a run → intervals over seeds → verdicts

All of it is written before the first run, the expectations too. A run is described by
its arm and its seed alone, so any of them can be made again from the header of its log.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from pretrain.corpora.extended import WithTokens
from pretrain.corpora.microworld import Microworld
from pretrain.errors import PretrainError
from pretrain.experiments.claims import Claim
from pretrain.objectives import Objective
from pretrain.training import Budget, Run

Size = Literal["cpu", "gpu"]
SIZES = ("cpu", "gpu")
Measures = dict[str, float]


@dataclass(frozen=True)
class Arm:
    """One way of training, of which an experiment compares several.

    name: letters, digits, dots and dashes: it names the log's file.
    model: a configuration, built anew with each seed.
    corpus: a function without arguments that opens the corpus.
    """

    name: str
    model: Any
    objective: Objective
    corpus: Callable[[], Any]
    budget: Budget


@dataclass(frozen=True)
class Experiment:
    """A comparison, and what was expected of it.

    name: as on the command line.
    question: one sentence.
    published: the trend and its figures; ``sources`` are bib keys.
    setting: what is trained here, and on what.
    claims: what was expected at this size; each is judged by an interval.
    arms: size → the arms.  seeds: size → how many seeds, from 0 on.
    measure: a finished run and its arm → numbers, the same names in every arm.
    primary: the measures that the table shows, in order; all are kept.
    """

    name: str
    question: str
    published: str
    sources: tuple[str, ...]
    setting: str
    claims: tuple[Claim, ...]
    arms: Callable[[Size], tuple[Arm, ...]]
    measure: Callable[[Run, Arm], Measures]
    primary: tuple[str, ...]
    seeds: Mapping[str, int] = field(default_factory=lambda: {"cpu": 3, "gpu": 5})

    def grid(self, size: Size) -> list[tuple[Arm, int]]:
        """Every (arm, seed). Raises PretrainError for a size that does not exist."""
        if size not in SIZES:
            raise PretrainError(f"the size {size!r} is unknown: choose cpu or gpu")
        seeds = range(self.seeds[size])
        return [(arm, seed) for seed in seeds for arm in self.arms(size)]


@lru_cache
def microworld() -> Microworld:
    """The Microworld, opened once a process."""
    return Microworld()


@lru_cache
def microworld_with(names: tuple[str, ...]) -> WithTokens:
    """The Microworld with further special tokens, such as sentinels."""
    return WithTokens(microworld(), names)
