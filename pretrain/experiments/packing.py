"""Packing: what a row holds, and whether its documents may see each other.

@krell2021efficient
"""

from itertools import islice, product

from pretrain.experiments.base import Arm, Experiment, Measures, Size
from pretrain.experiments.claims import Claim
from pretrain.experiments.diaries import diaries
from pretrain.experiments.measures import held_out
from pretrain.model import ModelConfig
from pretrain.objectives import Causal, Masked
from pretrain.objectives.masked import ALL_MASK
from pretrain.packing import utilization
from pretrain.training import Budget, Run

OBJECTIVES = {
    "causal": lambda blocked: Causal(within_documents=blocked),
    "masked": lambda blocked: Masked(0.3, ALL_MASK, within_documents=blocked),
}


def arms(size: Size) -> tuple[Arm, ...]:
    """Whole documents or a ribbon, blocked or open; and one document a row, padded."""
    vocabulary = diaries().tokenizer.vocab_size
    if size == "cpu":
        model = ModelConfig(vocabulary, width=32, depth=2, heads=2, context=128)
        sizes = dict(tokens=130_000, rows=16, length=64, evaluations=2)
    else:
        model = ModelConfig(vocabulary, width=64, depth=3)
        sizes = dict(tokens=5_000_000, rows=64, length=64, evaluations=4)
    made = []
    for (name, objective), packing in product(
        OBJECTIVES.items(), ("whole", "concat", "pad")
    ):
        budget = Budget(packing=packing, **sizes)
        for blocked in (True, False) if packing != "pad" else (True,):
            how = "" if packing == "pad" else "-blocked" if blocked else "-open"
            arm = f"{name}-{packing}{how}"
            made.append(Arm(arm, model, objective(blocked), diaries, budget))
    return tuple(made)


def measure(run: Run, arm: Arm) -> Measures:
    """Held-out scores, each document read alone; and how well the rows were filled."""
    plan, corpus = arm.budget, arm.corpus()
    pieces = arm.objective.read(
        corpus, "train", 0, rows=256, length=plan.length, packing=plan.packing
    )
    (rows,) = islice(pieces, 1)
    used = utilization(rows)
    found = held_out(run, arm)
    return found | {
        "filled": used.filled,
        "documents_per_row": used.documents_per_row,
    }


EXPERIMENT = Experiment(
    name="packing",
    question="Does it matter how rows are filled, and that documents are kept apart?",
    published=(
        "Krell et al.: up to half of BERT's positions are padding, and packing with "
        "documents kept apart is about twice as fast at the same quality. nanochat "
        "(rows of 2,048; filled / cropped / padding %): greedy with cropping "
        "100/39.4/0, greedy with padding 78/23.0/22, best fit with cropping "
        "100/34.6/0."
    ),
    sources=("krell2021efficient",),
    setting=(
        "The weather diary (16 words on average) in rows of 64, equal positions read, "
        "padding among them; held-out documents each alone, nats above the exact "
        "floor. blocked: attention stays inside a document; open: it does not, though "
        "positions restart. Padded rows hold a fourth of the text and should be worse. "
        "Open attention mixes in unrelated documents; a model this small should lose a "
        "little, the masked one more, for it sees neighbors on both sides."
    ),
    claims=tuple(
        claim
        for name in OBJECTIVES
        for claim in (
            Claim(
                f"At equal positions, padded rows learn less than packed ones ({name})",
                "excess",
                {f"{name}-pad": 1, f"{name}-whole-blocked": -1},
            ),
            Claim(
                f"Open attention is worse than blocked, whole documents ({name})",
                "excess",
                {f"{name}-whole-open": 1, f"{name}-whole-blocked": -1},
            ),
            Claim(
                f"A ribbon, which cuts documents, is worse than whole ones ({name})",
                "excess",
                {f"{name}-concat-blocked": 1, f"{name}-whole-blocked": -1},
            ),
        )
    ),
    arms=arms,
    measure=measure,
    primary=("excess", "accuracy", "filled", "documents_per_row", "scored"),
)
