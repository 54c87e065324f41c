"""Several trainings side by side, one process each.

Models of this course are so small that one core multiplies their matrices as fast as
two do; what uses a second core is a second training. ``fit_all`` gives the same runs
as calling ``fit`` once after another, in the same order: a seeded run does not depend
on what runs beside it.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any

import torch

from pretrain.budgets import choose_device, smoke
from pretrain.errors import PretrainError
from pretrain.evaluation.likelihood import evaluation_set
from pretrain.runs import RunLog
from pretrain.training import Run, fit


def fit_all(jobs: Sequence[dict[str, Any]], workers: int | None = None) -> list[Run]:
    """``[fit(**job) for job in jobs]``, on the CPU with a process for each core.

    Each job holds the arguments of :func:`pretrain.training.fit` by name, its model as
    a configuration. On a GPU, on one core or under the smoke budget the jobs run one
    after another in this process. Errors are those of ``fit``; a worker that was killed
    (out of memory, say) raises PretrainError.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    wanted = workers or min(len(jobs), cores or os.cpu_count() or 1)
    on_cpu = all(
        torch.device(job.get("device") or choose_device()).type == "cpu" for job in jobs
    )
    if wanted < 2 or len(jobs) < 2 or not on_cpu or (smoke() and workers is None):
        return [fit(**job) for job in jobs]
    # Spawned, not forked: a process that has used threads cannot be copied safely.
    with ProcessPoolExecutor(wanted, get_context("spawn")) as pool:
        try:
            found = list(pool.map(_fit, jobs))
        except BrokenProcessPool as error:
            raise PretrainError(
                "a training process was stopped from outside (perhaps it ran out of "
                "memory): train with workers=1, or with a smaller model"
            ) from error
    return [_run(job, *parts) for job, parts in zip(jobs, found, strict=True)]


def _fit(job: dict[str, Any]) -> tuple[dict, RunLog]:
    """In a worker. Weights travel as arrays: a worker's shared memory ends with it."""
    torch.set_num_threads(1)
    run = fit(**{**job, "progress": False})
    weights = {k: v.numpy() for k, v in run.model.state_dict().items()}
    return weights, run.log


def _run(job: dict[str, Any], weights: dict, log: RunLog) -> Run:
    model = job["model"].build(job.get("seed", 0))
    model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
    plan = log.header["budget"]
    held_out = evaluation_set(
        job["corpus"], job["objective"], plan["held_out"], plan["length"]
    )
    return Run(model.eval(), log, held_out)
