"""Exposure bias: are a model's errors more likely among its own words?

Free running against a draw after every true prefix, both judged by the grammar itself.
@bengio2015scheduled
"""

from pretrain.evaluation.exposure import free_running, independent, teacher_forced
from pretrain.evaluation.likelihood import evaluate, excess, floor
from pretrain.experiments.base import Arm, Experiment, Measures, Size, microworld
from pretrain.experiments.claims import Claim
from pretrain.model import ModelConfig
from pretrain.objectives import Causal
from pretrain.random import generator_for
from pretrain.training import Budget, Run

TEXTS = 400
AFTER = (5, 10, 20, 40)
DRAWS = 77  # a seed
TOLD = 0.05  # least gap that counts; sampling alone moves it by some 0.035


def arms(size: Size) -> tuple[Arm, ...]:
    """A short training and one three times as long."""
    vocabulary = microworld().tokenizer.vocab_size
    if size == "cpu":
        model = ModelConfig(vocabulary, width=48, depth=2, heads=2, context=128)
        tokens = {"short": 300_000, "long": 900_000}
    else:
        model = ModelConfig(vocabulary, width=128, depth=4, context=128)
        tokens = {"short": 5_000_000, "long": 15_000_000}
    return tuple(
        Arm(name, model, Causal(), microworld, Budget(tokens=n, rows=8, evaluations=4))
        for name, n in tokens.items()
    )


def measure(run: Run, arm: Arm) -> Measures:
    """Texts without an error, written freely and drawn after true prefixes."""
    world = arm.corpus()
    model = run.model.cpu()
    documents = world.heldout("test", TEXTS)
    seed = run.log.header["seed"]
    free = free_running(
        model, world, world.tokenizer, TEXTS, generator_for(DRAWS, seed, 0)
    )
    forced = teacher_forced(
        model, world, world.tokenizer, documents, generator_for(DRAWS, seed, 1)
    )
    alone = independent(forced)
    score = evaluate(model, run.held_out)
    found = {
        "excess": excess(score, floor(world, run.held_out)).value,
        "free": free.share(),
        "forced": forced.share(),
        "independent": alone,
        "gap": forced.share() - free.share(),
        "clustering": forced.share() - alone,
    }
    for t in AFTER:
        found |= {f"free_{t}": free.share(t), f"forced_{t}": forced.share(t)}
        found[f"gap_{t}"] = forced.share(t) - free.share(t)
    return found


def _errs_more(says: str, measure: str, arm: str) -> Claim:
    return Claim(says, measure, {arm: 1}, margin=TOLD)


EXPERIMENT = Experiment(
    name="exposure",
    question="Does a causal model err more often among its own words than true ones?",
    published=(
        "Training on true prefixes only is said to let early mistakes amplify: "
        "scheduled sampling raised CIDEr on MSCOCO from 89.5 to 92.1. Later work "
        "found the distortion of language models limited, and not growing with "
        "length."
    ),
    sources=("bengio2015scheduled", "ranzato2016sequence", "he2021exposure"),
    setting=(
        "Microworld. A token is an error if no document of the language goes on so. "
        "forced: one token drawn after every prefix of 400 true documents; the share "
        "of documents without an error. free: the share of 400 texts, written at "
        "temperature 1, without an error. independent: what the forced rates at each "
        "position would give if errors did not come together in some documents. Up to "
        "its first error a text is a true prefix, only a rarer one; so the gap should "
        "be there, and small. Sampling alone moves the difference of two such shares "
        "by some 0.035, so gaps below 0.05 count as none."
    ),
    claims=(
        _errs_more("within 10 tokens free running errs more, short", "gap_10", "short"),
        _errs_more("within 10 tokens free running errs more, long", "gap_10", "long"),
        _errs_more("over whole texts free running errs more, long", "gap", "long"),
        Claim(
            "more training makes the gap within 10 tokens smaller",
            "gap_10",
            {"long": 1, "short": -1},
            "below",
        ),
        Claim(
            "errors come together: more texts survive than independence predicts, long",
            "clustering",
            {"long": 1},
        ),
    ),
    arms=arms,
    measure=measure,
    primary=("excess", "free_10", "forced_10", "free", "forced", "independent"),
    seeds={"cpu": 2, "gpu": 5},
)
