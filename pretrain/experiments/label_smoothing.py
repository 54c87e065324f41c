"""Label smoothing: what it does to perplexity, to the choice, and to calibration.

@vaswani2017attention, table 3, row (D)
"""

import math

from pretrain.experiments.base import Arm, Experiment, Measures, Size
from pretrain.experiments.claims import Claim
from pretrain.experiments.diaries import diaries
from pretrain.experiments.measures import held_out
from pretrain.model import ModelConfig
from pretrain.objectives import Causal
from pretrain.objectives.regularized import Regularized
from pretrain.training import Budget, Run

SMOOTHING = (0.0, 0.1, 0.2)


def arms(size: Size) -> tuple[Arm, ...]:
    """Three strengths; the wrong tokens share ε with the right one, as in the paper."""
    vocabulary = diaries().tokenizer.vocab_size
    if size == "cpu":
        model = ModelConfig(vocabulary, width=32, depth=2, heads=2, context=128)
        budget = Budget(tokens=160_000, rows=8, evaluations=4)
    else:
        model = ModelConfig(vocabulary, width=64, depth=3)
        budget = Budget(tokens=5_000_000, rows=32, evaluations=8)
    return tuple(
        Arm(f"smoothing-{e}", model, Regularized(Causal(), e), diaries, budget)
        for e in SMOOTHING
    )


def measure(run: Run, arm: Arm) -> Measures:
    """Held-out scores by plain cross-entropy, whatever was minimized."""
    found = held_out(run, arm)
    return found | {"perplexity": math.exp(found["loss"])}


EXPERIMENT = Experiment(
    name="label-smoothing",
    question="What does label smoothing do to perplexity and to calibration?",
    published=(
        "Transformer base on English–German: perplexity 4.67, 4.92, 5.47 and BLEU "
        "25.3, 25.8, 25.7 for ε = 0, 0.1, 0.2. Perplexity gets worse and the choice of "
        "words does not."
    ),
    sources=("vaswani2017attention",),
    setting=(
        "The weather diary, a causal model, plain cross-entropy on held-out text. "
        "Perplexity should rise here too. The language is random and the model not too "
        "sure of itself, so smoothing should hurt calibration, where it is known to "
        "help models that are too sure. Accuracy of the first choice stands in for "
        "BLEU, and should not move: nothing here is overfitted."
    ),
    claims=(
        Claim(
            "Perplexity is worse at 0.1 than without",
            "perplexity",
            {"smoothing-0.1": 1, "smoothing-0.0": -1},
        ),
        Claim(
            "Perplexity is worse at 0.2 than at 0.1",
            "perplexity",
            {"smoothing-0.2": 1, "smoothing-0.1": -1},
        ),
        Claim(
            "The first choice is right as often at 0.1 (within 0.5 points)",
            "accuracy",
            {"smoothing-0.1": 1, "smoothing-0.0": -1},
            "within",
            0.005,
        ),
        Claim(
            "Calibration is worse at 0.1 than without",
            "ece",
            {"smoothing-0.1": 1, "smoothing-0.0": -1},
        ),
    ),
    arms=arms,
    measure=measure,
    primary=("perplexity", "excess", "accuracy", "ece"),
    seeds={"cpu": 4, "gpu": 5},
)
