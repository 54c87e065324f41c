"""fit: one training loop for every objective.

    corpus → rows → objective → batch → model → loss (sum, count) → step → log

The loop knows nothing of masking or shifting; the objective does. It is token-weighted
throughout: gradients are of the *sum* of the losses over all micro-batches, divided
once by the number of scored tokens. Logits are computed at scored positions only, which
saves a masked model most of its output layer. Under ``torchrun`` the rows of a batch
are shared out among the processes, and the sums run over all: see distributed.py.

What happens at a step depends on (seed, step) alone, so a run that was killed resumes
bit for bit from its last checkpoint, and a seeded run on the CPU repeats exactly.
"""

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from pretrain import checkpoints, distributed
from pretrain.batch import Batch
from pretrain.budgets import Budget, budget, choose_device, smoke
from pretrain.errors import CheckpointError, NonFiniteLossError, PretrainError
from pretrain.evaluation.likelihood import EvaluationSet, evaluate, evaluation_set
from pretrain.losses import Loss
from pretrain.objectives import Objective
from pretrain.optim import optimizers, schedule
from pretrain.random import generator_for
from pretrain.runs import RunLog, environment, read_log

__all__ = ["Budget", "Run", "budget", "choose_device", "fit", "smoke", "train_step"]

DATA, NOISE = 0, 1  # places in generator_for's path
NARROW = 128  # up to this width one thread is faster than two: benchmarks/threads.py


@dataclass
class Run:
    """What a training left behind: the model, its log, and the held-out scores."""

    model: nn.Module
    log: RunLog
    held_out: EvaluationSet

    @property
    def eval_loss(self) -> float:
        """The last held-out loss in nats per scored token."""
        return self.log.column("eval_loss")[-1]


def fit(
    model,
    objective: Objective,
    corpus,
    budget: Budget | None = None,
    *,
    seed: int = 0,
    run_dir: str | Path | None = None,
    device: str | torch.device | None = None,
    resume: bool = True,
    progress: bool = True,
    name: str = "",
    after_evaluation: Callable[[nn.Module, dict], dict | None] | None = None,
) -> Run:
    """Train a model on a corpus with an objective.

    ``model`` is a module with a ``config``, or a configuration such as ``ModelConfig``,
    which is built with ``seed``. With ``run_dir`` the log and checkpoints are kept
    there, and a run that was killed goes on from its last checkpoint as if nothing had
    happened. ``after_evaluation(model, record)`` is called at each evaluation, with the
    model in evaluation mode; the numbers it returns join the log's record.

    Raises EmptyCorpusError before training when there is no document,
    NonFiniteLossError at the first loss that is not finite (it names the step and the
    last good checkpoint), CheckpointError when ``run_dir`` holds another run or cannot
    be written, PretrainError when vocabulary or lengths do not fit.
    """
    device = torch.device(device) if device else choose_device()
    budget = budget or globals()["budget"](device)
    if not isinstance(model, nn.Module):
        model = model.build(seed)
    model = model.to(device).train()
    _check_fit(model, corpus, budget)
    steppers = optimizers(model, budget.lr, budget.muon_lr, budget.optimizer)
    held_out = evaluation_set(corpus, objective, budget.held_out, budget.length)
    log = RunLog(run_header(model, objective, corpus, budget, seed, device, name))
    first = distributed.rank() == 0  # it writes; all read
    start = _open(run_dir, log, model, steppers, resume, first)
    distributed.same_start(model, start)

    stream = objective.read(
        corpus,
        "train",
        seed,
        rows=budget.rows,
        length=budget.length,
        packing=budget.packing,
        skip=start,
    )
    bar = tqdm(
        range(start, budget.steps),
        initial=start,
        total=budget.steps,
        desc=name or type(objective).__name__.lower(),
        disable=not progress or not first or bool(os.environ.get("TQDM_DISABLE")),
        leave=False,
    )
    before = log.records[-1]["seconds"] if log.records else 0.0
    clock = time.perf_counter() - before
    with _threads(model, device):
        for step in bar:
            rows = _next(stream, budget)
            tokens = (step + 1) * budget.rows * budget.length
            record = {"step": step + 1, "tokens": tokens}
            factor = schedule(step, budget.steps, budget.warmup, budget.decay)
            noise = generator_for(seed, NOISE, step)
            batch = objective(rows, corpus.tokenizer, noise)
            share = distributed.share(batch)
            batch = share.to(device) if share else None
            record |= train_step(model, objective, batch, steppers, factor, budget)
            record["lr"] = factor * budget.lr
            record["seconds"] = round(time.perf_counter() - clock, 3)
            if not _finite(record):
                _stop(step + 1, record, run_dir)
            if _due(step, budget.steps, budget.evaluations):
                paused = time.perf_counter()
                _evaluate(model, held_out, record, after_evaluation)
                clock += time.perf_counter() - paused
                bar.set_postfix(held_out=f"{record['eval_loss']:.3f}", refresh=False)
            log.add(record)
            if run_dir and first and _due(step, budget.steps, budget.checkpoints):
                done, about = step + 1, log.header
                checkpoints.save(run_dir, model, steppers, step=done, run=about)
    model.eval()
    return Run(model, log, held_out)


def train_step(
    model: nn.Module,
    objective: Objective,
    batch: Batch | None,
    steppers: list[torch.optim.Optimizer],
    factor: float,
    budget: Budget,
) -> dict:
    """One optimizer step, accumulated over micro-batches. Returns loss and norms.

    The gradient is of the mean over *all* scored tokens of the batch, whatever their
    distribution over micro-batches and processes; ``batch`` is this process's share of
    it, or None. When the loss is not finite, the weights are left as they were.
    """
    for stepper in steppers:
        stepper.zero_grad(set_to_none=True)
    scored = distributed.total(batch.count if batch else 0)
    total: Loss | None = None
    parts = [batch] if batch else []
    if batch and budget.micro_batches > 1:
        parts = batch.split(budget.micro_batches)
    for part in parts:
        if scored and not part.count:
            continue  # a micro-batch in which nothing is scored adds nothing
        loss = objective.loss(model, part)
        (loss.sum / scored).backward()
        loss = loss.detach()
        total = loss if total is None else total + loss
    distributed.sum_gradients(model)
    norm: Tensor = torch.nn.utils.clip_grad_norm_(model.parameters(), budget.clip)
    losses = distributed.add({"": total, **total.parts} if total else {})
    record = {"loss": losses.pop("")[0] / scored, "scored": scored}
    record |= {f"loss_{n}": nats / max(1, m) for n, (nats, m) in losses.items()}
    record["grad_norm"] = float(norm)
    if _finite(record):
        for stepper in steppers:
            for group in stepper.param_groups:
                group["lr"] = factor * group["base_lr"]
            stepper.step()
    return record


def _finite(record: dict) -> bool:
    return math.isfinite(record["loss"]) and math.isfinite(record["grad_norm"])


def _next(stream: Iterator, budget: Budget) -> Any:
    rows = next(stream, None)
    if rows is None:
        raise PretrainError(
            f"the corpus ended before {budget.tokens:,} tokens were read: ask for "
            "fewer tokens, or use a corpus whose training stream does not end"
        )
    return rows


@contextmanager
def _threads(model: nn.Module, device: torch.device) -> Iterator[None]:
    """One thread for a narrow model on the CPU: a second one would mostly wait."""
    before = torch.get_num_threads()
    if device.type == "cpu" and getattr(model.config, "width", 0) <= NARROW:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _evaluate(model: nn.Module, held_out, record: dict, then: Callable | None) -> None:
    """Score the held-out set into the record, and let the caller look."""
    score = evaluate(model, held_out)
    record["eval_loss"] = score.mean
    record |= {f"eval_{name}": value for name, value in score.metrics.items()}
    if then:
        model.eval()
        record |= then(model, record) or {}
        model.train()


def _due(step: int, steps: int, times: int) -> bool:
    """True ``times`` times, evenly spaced, the last time at the last step."""
    return times > 0 and (step + 1) * times // steps > step * times // steps


def _check_fit(model: nn.Module, corpus, budget: Budget) -> None:
    config = model.config
    if config.vocab_size != corpus.tokenizer.vocab_size:
        raise PretrainError(
            f"the model has a vocabulary of {config.vocab_size} tokens and the corpus "
            f"of {corpus.tokenizer.vocab_size}: build the model with "
            "vocab_size=corpus.tokenizer.vocab_size"
        )
    if budget.length > config.context:
        raise PretrainError(
            f"rows of {budget.length} tokens do not fit the model's context of "
            f"{config.context}: shorten the rows or lengthen the context"
        )


def run_header(model, objective, corpus, budget, seed, device, name) -> dict:
    """What the log of such a run begins with; :func:`pretrain.runs.environment` too."""
    return {
        "name": name,
        "objective": {"kind": type(objective).__name__, **asdict(objective)},
        "objective_class": type(objective).__name__,  # kind may be a field of its own
        "corpus": corpus.name,
        "model": asdict(model.config),
        "classes": checkpoints.classes(model.config),
        "parameters": model.parameter_count,
        "budget": asdict(budget),
        "seed": seed,
        "environment": environment(device),
        "processes": distributed.count(),
    }


def _open(run_dir, log: RunLog, model, steppers, resume: bool, write: bool) -> int:
    """Prepare the run's folder; returns the step to go on from (0: from the start)."""
    if run_dir is None:
        return 0
    folder = Path(run_dir)
    try:
        if write:
            folder.mkdir(parents=True, exist_ok=True)
            log.path = folder / "log.jsonl"
        if not (resume and (folder / "checkpoint.json").exists()):
            log.start()
            return 0
    except OSError as error:
        raise CheckpointError(
            f"cannot write into {folder} ({error.strerror}): choose a folder that you "
            "may write to"
        ) from error
    about, tensors = checkpoints.read(folder)
    same = ("objective", "corpus", "model", "budget", "seed")
    was = about.get("run", {})
    # Compared as JSON, since that is what the header has been through.
    now = checkpoints.as_json(log.header)
    differs = [key for key in same if was.get(key) != now[key]]
    if differs:
        raise CheckpointError(
            f"{folder} holds another run (its {', '.join(differs)} differ): choose "
            "another folder, or pass resume=False to start over"
        )
    checkpoints.load_into(model, tensors, folder, steppers)
    old = read_log(folder / "log.jsonl")
    log.records = [r for r in old.records if r["step"] <= about["step"]]
    log.start()
    return about["step"]


def _stop(step: int, record: dict, run_dir) -> None:
    kept = "no checkpoint was kept (pass run_dir to keep them)"
    if run_dir and (Path(run_dir) / "checkpoint.json").exists():
        about, _ = checkpoints.read(run_dir)
        kept = f"the last good checkpoint is step {about['step']} in {run_dir}"
    raise NonFiniteLossError(
        f"the loss is {record['loss']} (gradient norm {record['grad_norm']}) at step "
        f"{step}, so training stopped before the weights were changed; {kept}. Lower "
        "the learning rate, or look at this step's data"
    )
