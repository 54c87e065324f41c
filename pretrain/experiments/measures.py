"""What finished runs are measured by: probes and scores that several experiments share.

All on documents that no run was trained on, the same for every run.
"""

from functools import lru_cache
from itertools import islice
from random import Random

import numpy as np

from pretrain.attention import Pattern
from pretrain.corpora.document import Document
from pretrain.evaluation.calibration import expected_calibration_error, top_label_of
from pretrain.evaluation.likelihood import evaluate, excess, floor
from pretrain.evaluation.probes import features, few_label_curve
from pretrain.experiments.base import Arm, Measures, microworld
from pretrain.training import Run


def held_out(run: Run, arm: Arm) -> Measures:
    """``excess`` (nats above the exact floor), ``accuracy`` and ``ece`` where scored.

    And ``scored``, the share of positions that a training pass was scored at.
    """
    score = evaluate(run.model, run.held_out)
    confidence, right, _ = top_label_of(run.model, run.held_out)
    best = floor(arm.corpus(), run.held_out)
    seen = arm.budget.rows * arm.budget.length
    return {
        "loss": score.mean,
        "excess": excess(score, best).value,
        "accuracy": float(right.mean()),
        "ece": expected_calibration_error(confidence, right),
        "scored": float(np.mean(run.log.column("scored"))) / seen,
    }


@lru_cache
def banks(n: int = 300) -> tuple[Document, ...]:
    """Documents with the word "bank", of a river or with money, each labeled."""
    world = microworld()
    traces = world.only("bank").traces(Random("probe bank"))
    made = (world.describe(trace, scored=False) for trace in traces)
    return tuple(islice((d for d in made if d.labels["senses"]), n))


def sense_probe(model, attention: Pattern, per_class: int = 8) -> float:
    """Accuracy of a linear probe for the sense of "bank", read at that very word.

    The state of one word says which of two it is only as far as the model mixed the
    rest of the sentence into it. 8 labels a sense, the mean of 20 draws of them.
    """
    documents = banks()
    places = [min(d.labels["senses"]) for d in documents]
    labels = [d.labels["topic"] for d in documents]
    x = features(model, documents, microworld().tokenizer, attention, where=places)
    return float(few_label_curve(x, labels, (per_class,), 20, seed=0).mean())
