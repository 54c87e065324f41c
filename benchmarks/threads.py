"""One training step on one thread, on two, and two trainings side by side.

    python benchmarks/threads.py

Ratios of wall time to the step on one thread, interleaved, median of several rounds.
What it showed decides two things: ``fit`` gives a narrow model one thread
(``training.NARROW``), and ``fit_all`` gives every core a training of its own.
"""

import os
import statistics
import time

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

from pretrain.corpora.microworld import Microworld
from pretrain.model import ModelConfig
from pretrain.objectives import Causal, Masked
from pretrain.optim import optimizers
from pretrain.parallel import fit_all
from pretrain.random import generator_for
from pretrain.training import Budget, fit, train_step

ROUNDS, STEPS = 7, 12


def step_times(world, objective, rows: int, width: int) -> dict[int, float]:
    """Threads → median seconds of ``STEPS`` steps."""
    model = ModelConfig(world.tokenizer.vocab_size, width=width).build(0)
    steppers, plan = optimizers(model), Budget()
    pieces = objective.read(world, "train", 0, rows=rows, length=128)
    made = [
        objective(next(pieces), world.tokenizer, generator_for(0, i))
        for i in range(STEPS)
    ]
    found: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(ROUNDS + 1):
        for threads, times in found.items():
            torch.set_num_threads(threads)
            start = time.perf_counter()
            for batch in made:
                train_step(model, objective, batch, steppers, 1.0, plan)
            times.append(time.perf_counter() - start)
    return {threads: statistics.median(t[1:]) for threads, t in found.items()}


def main() -> None:
    world = Microworld()
    print("width  rows  objective   two threads / one thread (wall time of a step)")
    for width in (64, 128, 256):
        for rows in (4, 16):
            for objective in (Causal(), Masked()):
                found = step_times(world, objective, rows, width)
                name = type(objective).__name__.lower()
                print(f"{width:5}  {rows:4}  {name:9}   {found[2] / found[1]:.2f}")
    plan = Budget(tokens=200_000, rows=8, evaluations=1, held_out=50)
    config = ModelConfig(world.tokenizer.vocab_size)
    jobs = [
        dict(model=config, objective=o, corpus=world, budget=plan, progress=False)
        for o in (Causal(), Masked())
    ]
    start = time.perf_counter()
    for job in jobs:
        fit(**job)
    one_by_one = time.perf_counter() - start
    start = time.perf_counter()
    fit_all(jobs, workers=2)
    beside = time.perf_counter() - start
    print(f"two trainings of 200k tokens, side by side / in turn: "
          f"{beside / one_by_one:.2f} ({one_by_one:.1f} s in turn)")


if __name__ == "__main__":
    main()
