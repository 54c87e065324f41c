"""Masking rate: how many of the tokens should be hidden?

A low rate leaves the context whole and scores few tokens a pass; a high one scores many
and leaves little to see. @wettig2023should
"""

from itertools import product

from pretrain.attention import full
from pretrain.experiments.base import Arm, Experiment, Measures, Size, microworld
from pretrain.experiments.claims import Claim
from pretrain.experiments.measures import held_out, sense_probe
from pretrain.model import ModelConfig
from pretrain.objectives import Masked
from pretrain.objectives.masked import ALL_MASK, BERT_SPLIT
from pretrain.training import Budget, Run

RATES = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
SPLITS = {"mask": ALL_MASK, "bert": BERT_SPLIT}


def arms(size: Size) -> tuple[Arm, ...]:
    """Every rate, all ``<mask>`` ("mask") and 80/10/10 ("bert")."""
    vocabulary = microworld().tokenizer.vocab_size
    if size == "cpu":
        model = ModelConfig(vocabulary, width=48, depth=2, heads=2, context=128)
        budget = Budget(tokens=300_000, rows=8, evaluations=4)
    else:
        model = ModelConfig(vocabulary, width=128, depth=4)
        budget = Budget(tokens=8_000_000, rows=32, evaluations=8)
    return tuple(
        Arm(f"{name}-{rate}", model, Masked(rate, split), microworld, budget)
        for (name, split), rate in product(SPLITS.items(), RATES)
    )


def measure(run: Run, arm: Arm) -> Measures:
    """Scores at the fixed 15 %, the probe, tokens scored a pass."""
    return held_out(run, arm) | {"probe": sense_probe(run.model, full())}


EXPERIMENT = Experiment(
    name="masking-rate",
    question="Which share of the tokens should a masked model be trained to fill in?",
    published=(
        "MNLI/QNLI after pretraining of a large model at equal steps: 15 % 84.2/90.9, "
        "40 % 84.5/91.6, 60 % 83.2/90.7, 80 % 80.8/87.9, all <mask>; with 80/10/10, "
        "15 % 83.7/90.4 and 40 % 84.3/91.2. More than 15 % is better, 80 % is worse "
        "again, and 80/10/10 is no better than all <mask>."
    ),
    sources=("wettig2023should",),
    setting=(
        "Microworld, equal tokens read, every model scored at the same 15 % of "
        "held-out tokens, all <mask>. Excess is above the exact floor; the probe reads "
        "the sense of the word bank off frozen states with 8 labels a sense. So small "
        "a model is far from its floor, so the many scored tokens of a high rate "
        "should count for more than in the paper."
    ),
    claims=(
        Claim(
            "40 % is more accurate than 15 % (all <mask>)",
            "accuracy",
            {"mask-0.4": 1, "mask-0.15": -1},
        ),
        Claim(
            "40 % has less excess loss than 15 % (all <mask>)",
            "excess",
            {"mask-0.4": 1, "mask-0.15": -1},
            "below",
        ),
        Claim(
            "80 % is less accurate than 40 % (all <mask>)",
            "accuracy",
            {"mask-0.8": 1, "mask-0.4": -1},
            "below",
        ),
        Claim(
            "40 % probes better than 15 % (all <mask>)",
            "probe",
            {"mask-0.4": 1, "mask-0.15": -1},
        ),
        Claim(
            "80/10/10 is less accurate than all <mask> where scored with <mask>, 15 %",
            "accuracy",
            {"bert-0.15": 1, "mask-0.15": -1},
            "below",
        ),
        Claim(
            "80/10/10 is less accurate than all <mask> where scored with <mask>, 40 %",
            "accuracy",
            {"bert-0.4": 1, "mask-0.4": -1},
            "below",
        ),
    ),
    arms=arms,
    measure=measure,
    primary=("excess", "accuracy", "probe", "scored"),
)
