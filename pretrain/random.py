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

import numpy as np
import torch
from torch import Tensor

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


Generator = torch.Generator | Counter


def uniform(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Uniform draws in [0, 1), row by row: float32 from torch, float64 from a counter.

    (A counter's 32 bits do not fit float32, which would round some of them to 1.)
    """
    if isinstance(generator, Counter):
        return torch.from_numpy(generator.uniform(int(np.prod(shape)))).reshape(shape)
    return torch.rand(shape, generator=generator)


def generator_for(seed: int, *path: int) -> torch.Generator:
    """A generator for one place in a run, such as (seed, step): independent of others.

    What happens at step 500 does not depend on what was drawn before, which is what
    lets a run resume bit for bit.
    """
    state = np.random.SeedSequence([seed, *path]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) % 2**63)
