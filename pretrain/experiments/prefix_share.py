"""Prefix share: how much of a document should be read from both sides?

Share 0 is causal language modeling. @raffel2020exploring
"""

from dataclasses import replace

import numpy as np

from pretrain.attention import causal, full
from pretrain.evaluation.likelihood import evaluate, excess, floor, prepare
from pretrain.experiments.base import Arm, Experiment, Measures, Size
from pretrain.experiments.claims import Claim
from pretrain.experiments.diaries import long_diaries, weather_probe
from pretrain.model import ModelConfig
from pretrain.objectives.prefix import Prefix
from pretrain.training import Budget, Run

SHARES = (0.0, 0.25, 0.5, 0.75)
DOCUMENTS = 150


def arms(size: Size) -> tuple[Arm, ...]:
    """Fixed shares, and one drawn anew for each document."""
    vocabulary = long_diaries().tokenizer.vocab_size
    if size == "cpu":
        model = ModelConfig(vocabulary, width=32, depth=2, heads=2, context=128)
        budget = Budget(tokens=160_000, rows=8, evaluations=2, held_out=50)
    else:
        model = ModelConfig(vocabulary, width=64, depth=3)
        budget = Budget(tokens=5_000_000, rows=32, evaluations=4)
    fixed = [(f"share-{share}", Prefix(share=share)) for share in SHARES]
    return tuple(
        Arm(name, model, objective, long_diaries, budget)
        for name, objective in [*fixed, ("drawn", Prefix())]
    )


def completion(run: Run, two_way: bool) -> float:
    """Excess nats a token over the second halves of held-out diaries.

    The first half is read from both sides, or causally; the same tokens are scored.
    """
    corpus = long_diaries()
    documents = corpus.heldout("test", DOCUMENTS)
    half = prepare(documents, corpus.tokenizer, Prefix(share=0.5))
    if not two_way:
        whole = prepare(documents, corpus.tokenizer, Prefix(share=0.0))
        pairs = zip(half.batches, whole.batches, strict=True)
        causally = [replace(a, attention=b.attention) for a, b in pairs]
        half = replace(half, batches=causally)
    return excess(evaluate(run.model, half), floor(corpus, half)).value


def measure(run: Run, arm: Arm) -> Measures:
    """Second halves, whole documents from their first word, the probe."""
    corpus, two_way = arm.corpus(), arm.objective.share != 0.0
    documents = corpus.heldout("test", DOCUMENTS)
    whole = prepare(documents, corpus.tokenizer, Prefix(share=0.0))
    read = arm.budget.rows * arm.budget.length
    pattern = full() if two_way else causal()
    return {
        "second_half": completion(run, two_way),
        "from_start": excess(evaluate(run.model, whole), floor(corpus, whole)).value,
        "probe": weather_probe(run.model, corpus.tokenizer, pattern),
        "scored": float(np.mean(run.log.column("scored"))) / read,
    }


EXPERIMENT = Experiment(
    name="prefix-share",
    question="How much of a document should a prefix language model read two-way?",
    published=(
        "T5 (GLUE), which draws the split: a decoder alone with language modeling "
        "73.78; prefix language modeling 80.69, with an encoder–decoder, so that "
        "objective and architecture change together. BERT-style denoising 82.96. No "
        "sweep of the share was published there. Expected from it: reading a part "
        "two-way makes better representations than reading it causally."
    ),
    sources=("raffel2020exploring",),
    setting=(
        "The weather diary with a mean of 50 days, equal tokens read. Second halves: "
        "every model continues the same half diaries, which it reads as it was "
        "trained, two-way or (share 0) causally; nats above the exact floor. "
        "The probe reads the hidden weather of an ambiguous day off frozen states. "
        "A longer prefix scores fewer tokens, which costs; two-way states know the "
        "days after, so the probe should gain."
    ),
    claims=(
        Claim(
            "A drawn prefix probes better than none",
            "probe",
            {"drawn": 1, "share-0.0": -1},
        ),
        Claim(
            "A prefix of a half probes better than none",
            "probe",
            {"share-0.5": 1, "share-0.0": -1},
        ),
        Claim(
            "Continuing from the half, a drawn prefix is worse than none",
            "second_half",
            {"drawn": 1, "share-0.0": -1},
        ),
        Claim(
            "A fixed half cannot write a document from its start: worse than drawn",
            "from_start",
            {"share-0.5": 1, "drawn": -1},
        ),
    ),
    arms=arms,
    measure=measure,
    primary=("second_half", "from_start", "probe", "scored"),
)
