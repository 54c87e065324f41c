"""Randomness: the counter that JavaScript shares, and generators that are independent.

Held against the JavaScript of the module's own docstring, run by Node.
"""

import json
import math
import re
import subprocess

import numpy as np
import pytest
import torch
from os_tools import find_tool

from pretrain import random
from pretrain.errors import PretrainError
from pretrain.random import Counter, RowByRow, generator_for, uniform

SEEDS = (0, 1, 42, -7, 2**31 - 1, 2**31, 2**32 - 1)

# The first draws × 2³², computed once by the JavaScript and kept.
GOLDEN = {
    0: [1144304738, 1416247, 958946056, 627933444, 2007157716],
    1: [2693262067, 11749833, 2265367787, 4213581821, 4159151403],
    42: [2581720956, 1925393290, 3661312704, 2876485805, 750819978],
}


@pytest.mark.parametrize("seed", GOLDEN)
def test_the_counter_gives_the_golden_numbers(seed):
    assert (Counter(seed).uniform(5) * 2**32).tolist() == GOLDEN[seed]


def test_the_counter_equals_the_javascript_of_its_docstring():
    node = find_tool("node")
    source = re.search(r"(?ms)^ {4}function counter.*?^ {4}\}", random.__doc__).group()
    source = source.replace("// the same numbers in JavaScript", "")
    script = f"""{source}
        const draws = {json.dumps(SEEDS)}.map(seed => {{
            const next = counter(seed);
            return Array.from({{length: 1000}}, next);
        }});
        console.log(JSON.stringify(draws));"""
    run = subprocess.run([node, "-e", script], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    for seed, theirs in zip(SEEDS, json.loads(run.stdout), strict=True):
        assert len(theirs) == 1000
        assert Counter(seed).uniform(1000).tolist() == theirs, seed


def test_the_counter_goes_on_where_it_stopped():
    whole, parts = Counter(3), Counter(3)
    joined = np.concatenate([parts.uniform(n) for n in (1, 0, 7, 92)])
    np.testing.assert_array_equal(whole.uniform(100), joined)
    assert parts.drawn == 100


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 42])
def test_the_counter_is_uniform(seed):
    """Kolmogorov–Smirnov: √n · D exceeds 2.2 with probability 2·exp(−2·2.2²) = 1e-4.

    The seeds are fixed, so the test is too: either they are good or they are not.
    """
    n = 100_000
    draws = np.sort(Counter(seed).uniform(n))
    grid = np.arange(n + 1) / n
    distance = max((grid[1:] - draws).max(), (draws - grid[:-1]).max())
    assert math.sqrt(n) * distance < 2.2
    assert draws[0] >= 0 and draws[-1] < 1


def test_successive_draws_of_a_counter_are_uncorrelated():
    draws = Counter(5).uniform(100_000) - 0.5
    for lag in (1, 2, 3):
        correlation = (draws[lag:] * draws[:-lag]).mean() / draws.var()
        assert abs(correlation) < 4 / math.sqrt(100_000)  # four standard errors


def test_uniform_keeps_shape_and_never_reaches_one():
    for generator in (Counter(1), generator_for(1), RowByRow([1, 2, 3])):
        draws = uniform((3, 50), generator)
        assert draws.shape == (3, 50)
        assert draws.min() >= 0 and draws.max() < 1
    # The largest 32-bit draw would be 1 in float32: hence float64.
    assert uniform((2,), Counter(1)).dtype == torch.float64
    assert np.float32((2**32 - 1) / 2**32) == 1


def draw(*path) -> tuple[float, ...]:
    return tuple(torch.rand(3, generator=generator_for(*path)).tolist())


def test_every_place_in_a_run_has_draws_of_its_own():
    """The hard cases of a path: zeros at its end, and seeds of more than 32 bits.

    Given as a plain list, NumPy's SeedSequence takes (5,), (5, 0) and (5, 0, 0) for
    one seed, and (2³²,) and (0, 1) as well.
    """
    paths = [(5,), (5, 0), (5, 0, 0), (0,), (0, 0), (0, 1), (1, 0), (1,), (2**32,)]
    paths += [(2**32, 0), (0, 0, 1), (0, 1, 0)]
    paths += [(seed, 1, step) for seed in range(10) for step in range(200)]
    paths = set(paths)
    assert len({draw(*path) for path in paths}) == len(paths)
    assert draw(5, 1, 7) == draw(5, 1, 7)


def test_generators_of_neighboring_steps_are_uncorrelated():
    rows = torch.stack(
        [torch.rand(2000, generator=generator_for(0, 1, step)) for step in range(20)]
    )
    correlations = torch.corrcoef(rows)[~torch.eye(20, dtype=torch.bool)]
    assert correlations.abs().max() < 5 / math.sqrt(2000)  # 190 pairs, 5 errors each


def test_a_negative_seed_is_one_clear_error():
    with pytest.raises(PretrainError, match=r"\(3, -1\) holds a number below 0"):
        generator_for(3, -1)


def test_row_by_row_depends_on_nothing_but_the_seed():
    alone = RowByRow([8])
    first, second = alone.uniform((1, 20)), alone.uniform((1, 20))
    assert not torch.equal(first, second)
    among = RowByRow([3, 8, 5])
    assert torch.equal(among.uniform((3, 90))[1, :20], first[0])
    assert torch.equal(among.uniform((3, 33))[1, :20], second[0])
    with pytest.raises(PretrainError, match="3 seeds for 2 rows"):
        among.uniform((2, 5))
