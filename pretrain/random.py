"""Randomness as an argument: PyTorch's generators, and one that JavaScript shares.

Everything random in the package takes a ``generator``. Usually that is a
``torch.Generator``. Where a widget in the page has to make the very same draws as
Python, it is a :class:`Counter`: mulberry32, a 32-bit counter run through a mixing
function, three lines in either language.

    function counter(seed) {              // the same numbers in JavaScript
      return () => {
        seed = (seed + 0x6D2B79F5) | 0;
        let z = Math.imul(seed ^ (seed >>> 15), 1 | seed);
        z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
        return ((z ^ (z >>> 14)) >>> 0) / 4294967296;
      };
    }

It is made for teaching, not for cryptography, and repeats after 2³² draws.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pretrain.errors import PretrainError

STEP = 0x6D2B79F5


class Counter:
    """The n-th draw is a function of ``seed`` and n alone (mulberry32)."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.drawn = 0

    def uniform(self, count: int) -> np.ndarray:
        """The next ``count`` draws, float64 in [0, 1), multiples of 2⁻³²."""
        turns = np.arange(1, count + 1, dtype=np.uint64) + np.uint64(self.drawn)
        self.drawn += count
        state = (np.uint64(self.seed % 2**32) + turns * np.uint64(STEP)).astype(
            np.uint32
        )
        z = (state ^ (state >> 15)) * (state | np.uint32(1))
        z ^= z + (z ^ (z >> 7)) * (z | np.uint32(61))
        return (z ^ (z >> 14)) / 2.0**32


class RowByRow:
    """A generator of its own for every row of a batch, from a seed a row.

    What a row draws then depends on its seed alone: not on the rows beside it, nor on
    how much padding follows it. Each call starts a new sequence in every row.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self.seeds = tuple(seeds)
        self.calls = 0

    def uniform(self, shape: tuple[int, ...]) -> Tensor:
        """Draws of the shape (B, ...) in [0, 1), float32; B is the number of seeds."""
        if shape[0] != len(self.seeds):
            raise PretrainError(
                f"{len(self.seeds)} seeds for {shape[0]} rows: give one a row"
            )
        self.calls += 1
        rows = [generator_for(seed, self.calls) for seed in self.seeds]
        return torch.stack([torch.rand(shape[1:], generator=row) for row in rows])


Generator = torch.Generator | Counter | RowByRow


def uniform(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Uniform draws in [0, 1), row by row: float32 from torch, float64 from a counter.

    (A counter's 32 bits do not fit float32, which would round some of them to 1.)
    """
    if isinstance(generator, Counter):
        return torch.from_numpy(generator.uniform(int(np.prod(shape)))).reshape(shape)
    if isinstance(generator, RowByRow):
        return generator.uniform(shape)
    return torch.rand(shape, generator=generator)


def generator_for(seed: int, *path: int) -> torch.Generator:
    """A generator for one place in a run, such as (seed, step): independent of others.

    What happens at step 500 does not depend on what was drawn before, which is what
    lets a run resume bit for bit. Raises PretrainError for a negative number.
    """
    if min(seed, *path, 0) < 0:
        raise PretrainError(f"the seed {(seed, *path)} holds a number below 0")
    # As a spawn key: a plain list would make (5,) and (5, 0) one and the same seed.
    sequence = np.random.SeedSequence(seed, spawn_key=path)
    state = sequence.generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) % 2**63)
