"""Runs an experiment's grid, one process a core, and goes on where it stopped.

    results/masking-rate/mask-0.15.0.jsonl     header, then the evaluations (thinned)
                         mask-0.15.1.jsonl     seed 1 …

Each finished run is written at once, whole, so a stopped experiment loses only the runs
that were under way. A log that is there is taken as it is if its header is that of the
run that would be made; if not, that is an error, never a silent mixture.

``again`` makes one run anew from its log's header. On the same machine and version of
PyTorch the losses are equal; elsewhere sums are rounded in another order, and this
package holds them to ``TOLERANCE``.
"""

import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch

from pretrain.checkpoints import as_json
from pretrain.errors import CheckpointError, PretrainError
from pretrain.experiments.base import SIZES, Arm, Experiment, Size
from pretrain.runs import RunLog, environment, read_log
from pretrain.training import fit, run_header

TOLERANCE = 1e-2
"""Nats that a repeated run's held-out losses may differ by on another machine.

Where sums run in another order, PyTorch differs from itself by up to 3e-3 after 50
steps of Muon and 1e-2 after 200, as measured for this package; most runs stay below.
"""
SAME = ("experiment", "size", "arm", "seed", "objective", "corpus", "model", "budget")


def run(
    experiment: Experiment,
    folder: Path,
    size: Size = "cpu",
    workers: int | None = None,
    say=print,
) -> list[RunLog]:
    """All runs of the grid, those that are missing made now, in the grid's order.

    Raises CheckpointError when ``folder`` cannot be written or holds other runs.
    """
    grid = experiment.grid(size)
    folder = _writable(Path(folder))
    strangers = _strangers(grid, folder)
    if strangers:
        raise CheckpointError(
            f"{folder} holds runs that are not of {experiment.name!r} ({size}): "
            f"{', '.join(strangers[:3])}: choose an empty folder with --out"
        )
    logs: dict[Path, RunLog] = {}
    todo = []
    for arm, seed in grid:
        path = log_path(folder, arm, seed)
        if path.exists():
            logs[path] = read_log(path)
            _check(logs[path], experiment, size, arm, seed, path)
        else:
            todo.append((path, arm, seed))
    clock = time.perf_counter()
    for done, (path, log) in enumerate(_finished(experiment, size, todo, workers), 1):
        log.path = path
        log.start()
        logs[path] = log
        seconds = time.perf_counter() - clock
        say(f"{done}/{len(todo)} {path.stem} ({seconds:.0f} s)")
    return [logs[log_path(folder, arm, seed)] for arm, seed in grid]


def log_path(folder: Path, arm: Arm, seed: int) -> Path:
    """Where the log of an arm's run with this seed is."""
    return Path(folder) / f"{arm.name}.{seed}.jsonl"


def one(experiment: Experiment, size: Size, arm: Arm, seed: int) -> RunLog:
    """Train and measure one run; its log holds the evaluations only.

    The last record has the measures, under ``measures``, and ``cpu_seconds``.
    """
    torch.set_num_threads(1)
    before = time.process_time()
    made = fit(
        arm.model,
        arm.objective,
        arm.corpus(),
        arm.budget,
        seed=seed,
        device="cpu" if size == "cpu" else None,
        progress=False,
        name=f"{experiment.name} {arm.name}",
    )
    measured = experiment.measure(made, arm)
    kept = [record for record in made.log.records if "eval_loss" in record]
    kept[-1]["measures"] = {k: float(v) for k, v in measured.items()}
    kept[-1]["cpu_seconds"] = round(time.process_time() - before, 2)
    about = {"experiment": experiment.name, "size": size, "arm": arm.name}
    return RunLog(as_json({**about, **made.log.header}), _rounded(kept))


@dataclass(frozen=True)
class Repetition:
    """A run made again beside its log: held-out losses, old and new."""

    log: RunLog
    old: list[float]
    new: list[float]

    @property
    def difference(self) -> float:
        """The largest difference of two held-out losses, in nats."""
        return max(abs(a - b) for a, b in zip(self.old, self.new, strict=True))

    @property
    def same_versions(self) -> bool:
        """Whether Python, PyTorch, NumPy and the device are those of the log."""
        was = self.log.header["environment"]
        return environment(was["device"]) == was


def again(path: Path, find) -> Repetition:
    """Make a run again from the header of its log.

    ``find(name)`` gives the experiment of that name. Raises PretrainError when the log
    is no experiment's, and when the experiment has changed since.
    """
    log = read_log(path)
    about = log.header
    if not all(key in about for key in SAME):
        raise PretrainError(
            f"{path} is the log of a run, and not of an experiment's: its header lacks "
            f"{', '.join(key for key in SAME if key not in about)}"
        )
    experiment, size = find(about["experiment"]), about["size"]
    arms = {arm.name: arm for arm in experiment.arms(size)} if size in SIZES else {}
    if about["arm"] not in arms:
        raise PretrainError(
            f"{path} is of the arm {about['arm']!r}, which {experiment.name!r} no "
            f"longer has; it has {', '.join(arms)}"
        )
    arm, seed = arms[about["arm"]], about["seed"]
    new = one(experiment, size, arm, seed)
    _differs(log, new, path)
    return Repetition(log, log.column("eval_loss"), new.column("eval_loss"))


# -- inside -----------------------------------------------------------------------


def _finished(experiment, size, todo, workers):
    """(path, log) of each run, as they finish."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    workers = min(len(todo), workers or cores or os.cpu_count() or 1)
    if workers < 2 or size != "cpu":
        for path, arm, seed in todo:
            yield path, one(experiment, size, arm, seed)
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        waiting = {
            pool.submit(one, experiment, size, arm, seed): path
            for path, arm, seed in todo
        }
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        except BrokenProcessPool as error:
            raise PretrainError(
                "a training process was stopped from outside (perhaps it ran out of "
                "memory): run the same command again, with --workers 1"
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _check(log, experiment, size, arm, seed, path) -> None:
    """The header must be that of the run that would be made here."""
    plan = run_header(
        arm.model.build(seed), arm.objective, arm.corpus(), arm.budget, seed, "cpu", ""
    )
    about = {"experiment": experiment.name, "size": size, "arm": arm.name}
    _differs(log, RunLog(as_json({**about, **plan})), path)


def _differs(old: RunLog, new: RunLog, path: Path) -> None:
    differs = [k for k in SAME if old.header.get(k) != new.header[k]]
    if differs:
        raise CheckpointError(
            f"{path} is the log of another run (its {', '.join(differs)} differ): "
            "choose another folder with --out, or remove that log"
        )


def _strangers(grid, folder: Path) -> list[str]:
    own = {log_path(folder, arm, seed).name for arm, seed in grid}
    return sorted(p.name for p in folder.glob("*.jsonl") if p.name not in own)


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CheckpointError(
            f"cannot write into {folder} ({error.strerror}): choose a folder that you "
            "may write to with --out"
        ) from error
    return folder


def _rounded(value):
    """Ten significant digits: a third of the space, far below what is compared."""
    if isinstance(value, float):
        return float(f"{value:.10g}")
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, list) else value
