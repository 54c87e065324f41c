"""Activation checkpointing: less memory for more time, and the very same training.

What is kept for the backward pass is counted to the byte; losses are compared as they
are. @chen2016training
"""

import time
from dataclasses import dataclass
from statistics import median

from pretrain.experiments.base import Arm, Experiment, Measures, Size, microworld
from pretrain.experiments.claims import Claim
from pretrain.model import ModelConfig, Transformer
from pretrain.objectives import Causal
from pretrain.random import generator_for
from pretrain.saved_memory import saved_by
from pretrain.training import Budget, Run

ROUNDS = 5


@dataclass(frozen=True)
class Recomputed:
    """A configuration whose models run each block again in the backward pass."""

    config: ModelConfig

    @property
    def context(self) -> int:
        """The longest row, as the plain configuration has it."""
        return self.config.context

    def build(self, seed: int = 0) -> Transformer:
        """The same weights as those of the plain configuration."""
        model = self.config.build(seed)
        model.checkpoint_blocks = True
        return model


def arms(size: Size) -> tuple[Arm, ...]:
    """Two depths, each plain and checkpointed."""
    vocabulary = microworld().tokenizer.vocab_size
    width, tokens = (32, 24_000) if size == "cpu" else (256, 2_000_000)
    budget = Budget(tokens=tokens, rows=16, length=64, evaluations=2, held_out=50)
    found = []
    for depth in (2, 8):
        config = ModelConfig(vocabulary, width, depth, heads=2, context=128)
        for name, model in (("plain", config), ("again", Recomputed(config))):
            found.append(Arm(f"{name}-{depth}", model, Causal(), microworld, budget))
    return tuple(found)


def measure(run: Run, arm: Arm) -> Measures:
    """Bytes kept for one batch, seconds of one step, and the losses of the training.

    ``kept`` and ``peak`` are in MiB. ``seconds`` is the median of a few forward and
    backward passes over one batch: it depends on the machine, and is judged by nothing.
    """
    model, corpus, budget = run.model.cpu().train(), arm.corpus(), arm.budget
    pieces = arm.objective.read(
        corpus, "validation", 0, rows=budget.rows, length=budget.length
    )
    batch = arm.objective(next(pieces), corpus.tokenizer, generator_for(0))
    saved = saved_by(model, lambda: arm.objective.loss(model, batch).sum)
    seconds = []
    for _ in range(ROUNDS):
        clock = time.process_time()
        arm.objective.loss(model, batch).mean().backward()
        seconds.append(time.process_time() - clock)
        model.zero_grad(set_to_none=True)
    return {
        "kept": saved.forward / 2**20,
        "peak": saved.peak / 2**20,
        "seconds": median(seconds),
        "loss": run.eval_loss,
        "train": run.log.column("loss")[-1],
    }


def _loss_is_equal(depth: int) -> Claim:
    return Claim(
        f"{depth} layers: the trained model's loss is the same to 1e-6 nats",
        "loss",
        {f"again-{depth}": 1, f"plain-{depth}": -1},
        "within",
        1e-6,
    )


EXPERIMENT = Experiment(
    name="checkpointing",
    question="What does it cost, and save, to compute activations a second time?",
    published=(
        "Memory that grows with the square root of the number of layers in place of "
        "the number itself, for one forward pass more: a 1,000-layer network from 48 "
        "GB to 7 GB, for 30 % more time."
    ),
    sources=("chen2016training",),
    setting=(
        "Causal models of 2 and 8 layers; what goes into each block is kept, all else "
        "is computed again. MiB kept for the backward pass of one batch of 16 × 64; "
        "the peak adds what the block that is run again needs. Kept at the ends, "
        "embedding and logits cost the same either way, so the saving grows with "
        "depth."
    ),
    claims=(
        _loss_is_equal(2),
        _loss_is_equal(8),
        Claim(
            "8 layers: the peak is less than half of what is kept without",
            "peak",
            {"again-8": 1, "plain-8": -0.5},
            "below",
        ),
        Claim(
            "a layer more costs less than a fifth of what it costs without",
            "peak",
            {"again-8": 1, "again-2": -1, "plain-8": -0.2, "plain-2": 0.2},
            "below",
        ),
    ),
    arms=arms,
    measure=measure,
    primary=("kept", "peak", "seconds", "loss"),
)
