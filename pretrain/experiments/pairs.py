"""Sentence pairs: does judging pairs help, and what does the judge look at?

@devlin2019bert @lan2020albert @liu2019roberta
"""

from copy import deepcopy
from functools import lru_cache

import torch

from pretrain.attention import full
from pretrain.evaluation.likelihood import EvaluationSet, evaluate, evaluation_set
from pretrain.experiments.base import Arm, Experiment, Measures, Size, microworld
from pretrain.experiments.claims import Claim
from pretrain.experiments.measures import sense_probe
from pretrain.heads import PairConfig, PairModel
from pretrain.model import ModelConfig, Transformer
from pretrain.objectives import Masked
from pretrain.objectives.pairs import Pairs
from pretrain.training import Budget, Run

MASKED = Masked(0.3)
ARMS = {
    "nsp": Pairs("nsp", MASKED),
    "nsp-same-kind": Pairs("nsp", MASKED, same_kind=True),
    "nsp-rows-no-loss": Pairs("nsp", MASKED, pair_weight=0.0),
    "sop": Pairs("sop", MASKED),
    "neither": Pairs(None, MASKED),
}
TASKS = {
    "nsp": Pairs("nsp", None),
    "nsp_same_kind": Pairs("nsp", None, same_kind=True),
    "sop": Pairs("sop", None),
}


def arms(size: Size) -> tuple[Arm, ...]:
    """NSP, with easy and harder negatives and without its loss; SOP; neither."""
    vocabulary = microworld().tokenizer.vocab_size
    if size == "cpu":
        trunk = ModelConfig(vocabulary, width=48, depth=2, heads=2, context=64)
        budget = Budget(tokens=300_000, rows=16, length=64, evaluations=2, held_out=200)
    else:
        trunk = ModelConfig(vocabulary, width=128, depth=4, context=64)
        budget = Budget(tokens=12_000_000, rows=64, length=64, evaluations=4)
    return tuple(
        Arm(name, PairConfig(trunk), objective, microworld, budget)
        for name, objective in ARMS.items()
    )


@lru_cache
def task(name: str, n: int = 384) -> EvaluationSet:
    """Pairs of the test split, nothing masked; half of them do not belong so."""
    return evaluation_set(microworld(), TASKS[name], n, 64, "test")


def trunk(model: PairModel) -> Transformer:
    """The Transformer that reads all as segment 0, whose number is in its embedding."""
    alone = deepcopy(model.trunk)
    with torch.no_grad():
        alone.embedding.weight += model.segment.weight[0]
    return alone.eval()


def measure(run: Run, arm: Arm) -> Measures:
    """Accuracy on every task (the head of "neither" was never trained); the probe."""
    found = {
        f"on_{name}": evaluate(run.model, task(name)).metrics["accuracy"]
        for name in TASKS
    }
    above = {f"{name}_above_chance": value - 0.5 for name, value in found.items()}
    return {
        **found,
        **above,
        "masked_loss": evaluate(run.model, common()).mean,
        "probe": sense_probe(trunk(run.model), full()),
    }


@lru_cache
def common() -> EvaluationSet:
    """True pairs in order, masked as every masked model is scored: one set for all."""
    return evaluation_set(microworld(), Pairs(None, MASKED), 320, 64, "test")


EXPERIMENT = Experiment(
    name="pairs",
    question="Do sentence pairs help a masked model, and what do NSP and SOP teach?",
    published=(
        "ALBERT: a head trained on NSP scores 52.0 % on SOP; one trained on SOP 86.5 % "
        "on SOP and 78.9 % on NSP. RoBERTa (SQuAD 1.1/2.0, MNLI-m, SST-2, RACE): "
        "segment pairs with NSP 90.4/78.7, 84.0, 92.9, 64.2; sentence pairs with NSP "
        "88.7/76.2, 82.9, 92.1, 63.0; full sentences without 90.4/79.1, 84.7, 92.5, "
        "64.8; sentences of one document without 90.6/79.7, 84.7, 92.7, 65.6. There "
        "the length of the text changes with the loss."
    ),
    sources=("lan2020albert", "liu2019roberta"),
    setting=(
        "Microworld, 30 % masked beside the pair loss, equal numbers of pairs. The "
        "segments and their lengths are the same in every arm: documents of a couple "
        "swap their second halves. Negatives across kinds differ in topic and should "
        "be found at once; those of one kind share it. In so short a training SOP may "
        "not be learned at all, for it needs what the sentences mean. The pair loss "
        "should neither help nor hurt masking by more than 0.1 nats."
    ),
    claims=(
        Claim("NSP is learned", "on_nsp_above_chance", {"nsp": 1}),
        Claim("SOP is learned", "on_sop_above_chance", {"sop": 1}),
        Claim(
            "An NSP head is near chance on SOP (within 10 points)",
            "on_sop_above_chance",
            {"nsp": 1},
            "within",
            0.1,
        ),
        Claim("An SOP head is above chance on NSP", "on_nsp_above_chance", {"sop": 1}),
        Claim(
            "An NSP head loses accuracy where the negative is of the same kind",
            "on_nsp_same_kind",
            {"nsp": 1, "nsp-same-kind": -1},
            "below",
        ),
        Claim(
            "Without pairs the masked loss is the same (within 0.1 nats)",
            "masked_loss",
            {"neither": 1, "nsp": -1},
            "within",
            0.1,
        ),
        Claim(
            "Without pairs the probe is the same (within 5 points)",
            "probe",
            {"neither": 1, "nsp": -1},
            "within",
            0.05,
        ),
    ),
    arms=arms,
    measure=measure,
    primary=("on_nsp", "on_nsp_same_kind", "on_sop", "masked_loss", "probe"),
)
