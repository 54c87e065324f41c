"""fit: one training loop for every objective.

    corpus → rows → objective → batch → model → loss (sum, count) → step → log

The loop knows nothing of masking or shifting; the objective does. It is token-weighted
throughout: gradients are of the *sum* of the losses over all micro-batches, divided
once by the number of scored tokens. Logits are computed at scored positions only, which
saves a masked model most of its output layer.

What happens at a step depends on (seed, step) alone, so a run that was killed resumes
bit for bit from its last checkpoint, and a seeded run on the CPU repeats exactly.
"""

import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from tqdm.auto import tqdm

from pretrain import checkpoints
from pretrain.batch import Batch, Rows
from pretrain.errors import CheckpointError, NonFiniteLossError, PretrainError
from pretrain.evaluation.likelihood import EvaluationSet, evaluate, evaluation_set
from pretrain.losses import Loss, cross_entropy
from pretrain.model import ModelConfig, Transformer
from pretrain.objectives import Objective
from pretrain.optim import optimizers, schedule
from pretrain.packing import Strategy, batches
from pretrain.random import generator_for
from pretrain.runs import RunLog, environment, read_log

DATA, NOISE = 0, 1  # places in generator_for's path


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
    packing: Strategy = "whole"
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


@dataclass
class Run:
    """What a training left behind: the model, its log, and the held-out scores."""

    model: Transformer
    log: RunLog
    held_out: EvaluationSet

    @property
    def eval_loss(self) -> float:
        """The last held-out loss in nats per scored token."""
        return self.log.column("eval_loss")[-1]


def batch_loss(model: Transformer, batch: Batch) -> Loss:
    """The loss of one batch; logits are made at scored positions only."""
    hidden = model.hidden(batch.inputs, batch.attention, batch.positions)  # (B,T,D)
    scored = batch.scored
    return cross_entropy(model.logits(hidden[scored]), batch.targets[scored])


def fit(
    model: Transformer | ModelConfig,
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
) -> Run:
    """Train a model on a corpus with an objective.

    A ``ModelConfig`` is built with ``seed``. With ``run_dir`` the log and checkpoints
    are kept there, and a run that was killed goes on from its last checkpoint as if
    nothing had happened.

    Raises EmptyCorpusError before training when there is no document,
    NonFiniteLossError at the first loss that is not finite (it names the step and the
    last good checkpoint), CheckpointError when ``run_dir`` holds another run or cannot
    be written, PretrainError when vocabulary or lengths do not fit.
    """
    device = torch.device(device) if device else choose_device()
    budget = budget or globals()["budget"](device)
    if isinstance(model, ModelConfig):
        model = Transformer(model, seed)
    model = model.to(device).train()
    _check_fit(model, corpus, budget)
    steppers = optimizers(model, budget.lr, budget.muon_lr, budget.optimizer)
    held_out = evaluation_set(corpus, objective, budget.held_out, budget.length)
    log = RunLog(_header(model, objective, corpus, budget, seed, device, name))
    start = _open(run_dir, log, model, steppers, resume)

    stream = batches(
        corpus.stream("train", seed),
        corpus.tokenizer.special,
        budget.rows,
        budget.length,
        budget.packing,
        skip=start,
    )
    bar = tqdm(
        range(start, budget.steps),
        initial=start,
        total=budget.steps,
        desc=name or type(objective).__name__.lower(),
        disable=not progress or bool(os.environ.get("TQDM_DISABLE")),
        leave=False,
    )
    before = log.records[-1]["seconds"] if log.records else 0.0
    clock = time.perf_counter() - before
    for step in bar:
        rows = _next(stream, budget)
        record = {"step": step + 1, "tokens": (step + 1) * budget.rows * budget.length}
        factor = schedule(step, budget.steps, budget.warmup, budget.decay)
        noise = generator_for(seed, NOISE, step)
        batch = objective(rows, corpus.tokenizer, noise)
        record |= train_step(model, batch.to(device), steppers, factor, budget)
        record["lr"] = factor * budget.lr
        record["seconds"] = round(time.perf_counter() - clock, 3)
        if not math.isfinite(record["loss"]) or not math.isfinite(record["grad_norm"]):
            _stop(step + 1, record, run_dir)
        if _due(step, budget.steps, budget.evaluations):
            paused = time.perf_counter()
            record["eval_loss"] = evaluate(model, held_out).mean
            clock += time.perf_counter() - paused
            bar.set_postfix(held_out=f"{record['eval_loss']:.3f}", refresh=False)
        log.add(record)
        if run_dir and _due(step, budget.steps, budget.checkpoints):
            checkpoints.save(run_dir, model, steppers, step=step + 1, run=log.header)
    model.eval()
    return Run(model, log, held_out)


def train_step(
    model: Transformer,
    batch: Batch,
    steppers: list[torch.optim.Optimizer],
    factor: float,
    budget: Budget,
) -> dict:
    """One optimizer step, accumulated over micro-batches. Returns loss and norms.

    The gradient is of the mean over *all* scored tokens of the batch, whatever their
    distribution over the micro-batches. When the loss is not finite, the weights are
    left as they were.
    """
    for stepper in steppers:
        stepper.zero_grad(set_to_none=True)
    scored = int(batch.scored.sum())
    total = 0.0
    parts = batch.split(budget.micro_batches) if budget.micro_batches > 1 else [batch]
    for part in parts:
        if len(parts) > 1 and not part.scored.any():
            continue  # a micro-batch in which nothing is scored adds nothing
        loss = batch_loss(model, part)
        (loss.sum / scored).backward()
        total += float(loss.sum.detach())
    norm: Tensor = torch.nn.utils.clip_grad_norm_(model.parameters(), budget.clip)
    record = {"loss": total / scored, "scored": scored, "grad_norm": float(norm)}
    if math.isfinite(record["loss"]) and math.isfinite(record["grad_norm"]):
        for stepper in steppers:
            for group in stepper.param_groups:
                group["lr"] = factor * group["base_lr"]
            stepper.step()
    return record


def _next(stream: Iterator[Rows], budget: Budget) -> Rows:
    rows = next(stream, None)
    if rows is None or len(rows) < 1:
        raise PretrainError(
            f"the corpus ended before {budget.tokens:,} tokens were read: ask for "
            "fewer tokens, or use a corpus whose training stream does not end"
        )
    return rows


def _due(step: int, steps: int, times: int) -> bool:
    """True ``times`` times, evenly spaced, the last time at the last step."""
    return times > 0 and (step + 1) * times // steps > step * times // steps


def _check_fit(model: Transformer, corpus, budget: Budget) -> None:
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


def _header(model, objective, corpus, budget, seed, device, name) -> dict:
    return {
        "name": name,
        "objective": {"kind": type(objective).__name__, **asdict(objective)},
        "corpus": corpus.name,
        "model": asdict(model.config),
        "parameters": model.parameter_count,
        "budget": asdict(budget),
        "seed": seed,
        "environment": environment(device),
    }


def _open(run_dir, log: RunLog, model, steppers, resume: bool) -> int:
    """Prepare the run's folder; returns the step to go on from (0: from the start)."""
    if run_dir is None:
        return 0
    folder = Path(run_dir)
    try:
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
    old = read_log(log.path)
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
