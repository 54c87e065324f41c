"""Exposure bias after mistakes: does a model drift away among its own words?

The exact distance from the language, KL(p‖q) of the next token, after true prefixes and
after the model's own. @he2021exposure
"""

from functools import lru_cache
from itertools import islice

import numpy as np

from pretrain.corpora.markov import HiddenMarkov, weather
from pretrain.evaluation.exposure import divergences
from pretrain.evaluation.generation import Sampling, generate_batch
from pretrain.experiments.base import Arm, Experiment, Measures, Size
from pretrain.experiments.claims import Claim
from pretrain.model import ModelConfig
from pretrain.objectives import Causal
from pretrain.random import generator_for
from pretrain.training import Budget, Run

TEXTS = 500
LONGEST = 60
EARLY, LATE = slice(1, 5), slice(12, 40)  # tokens before the one that is predicted
DRAWS = 78


@lru_cache
def language() -> HiddenMarkov:
    """The weather language."""
    return weather()


def arms(size: Size) -> tuple[Arm, ...]:
    """A short training and one four times as long."""
    vocabulary = language().tokenizer.vocab_size
    if size == "cpu":
        model = ModelConfig(vocabulary, width=32, depth=2, heads=2, context=96)
        tokens = {"short": 30_000, "long": 120_000}
    else:
        model = ModelConfig(vocabulary, width=64, depth=3, context=96)
        tokens = {"short": 300_000, "long": 1_200_000}
    return tuple(
        Arm(
            name,
            model,
            Causal(),
            language,
            Budget(tokens=n, rows=8, length=64, evaluations=2),
        )
        for name, n in tokens.items()
    )


def by_position(nats: list[np.ndarray], positions: slice) -> float:
    """The mean over all prefixes of these lengths."""
    return float(np.concatenate([row[positions] for row in nats]).mean())


def measure(run: Run, arm: Arm) -> Measures:
    """Mean distance after true and own prefixes, and their ratios early and late."""
    corpus, model = arm.corpus(), run.model.cpu()
    written = generate_batch(
        model,
        [[]] * TEXTS,
        corpus.tokenizer,
        Sampling(),
        generator=generator_for(DRAWS, run.log.header["seed"]),
        max_tokens=LONGEST,
    )
    true = [t[:LONGEST] for t in islice(corpus.stream("test"), TEXTS)]
    forced = divergences(model, corpus, true)
    free = divergences(model, corpus, written)
    found = {"forced": by_position(forced, slice(None))}
    found["free"] = by_position(free, slice(None))
    found["ratio"] = found["free"] / found["forced"]
    for name, positions in (("early", EARLY), ("late", LATE)):
        one, other = by_position(free, positions), by_position(forced, positions)
        found |= {f"free_{name}": one, f"forced_{name}": other}
        found[f"ratio_{name}"] = one / other
    found["growth"] = found["ratio_late"] - found["ratio_early"]
    found["above_one"] = found["ratio"] - 1
    return found


EXPERIMENT = Experiment(
    name="exposure-recovery",
    question="Does a causal model drift away from the language among its own words?",
    published=(
        "Exposure bias would make distortions grow as a text goes on. Measured on "
        "language models, the cost of their own prefixes was limited, did not seem to "
        "grow with length, and models recovered from bad prefixes."
    ),
    sources=("he2021exposure", "ranzato2016sequence"),
    setting=(
        "The weather language, in which nothing is impossible, so the exact distance "
        "KL(p‖q) of the next token is known after any prefix: its mean over true "
        "prefixes (forced) is the excess of the loss. free: over the prefixes of 500 "
        "texts that the model wrote. The weather of long ago is soon forgotten, so the "
        "model should recover: a small ratio of free to forced that does not grow from "
        "the first words (1 to 4) to later ones (12 to 39)."
    ),
    claims=(
        Claim("own prefixes cost more, short", "above_one", {"short": 1}),
        Claim("own prefixes cost more, long", "above_one", {"long": 1}),
        Claim(
            "they cost less than a quarter more, long",
            "above_one",
            {"long": 1},
            "within",
            0.25,
        ),
        Claim(
            "the ratio grows by less than 0.25 along the text, long",
            "growth",
            {"long": 1},
            "within",
            0.25,
        ),
    ),
    arms=arms,
    measure=measure,
    primary=("forced", "free", "ratio", "ratio_early", "ratio_late"),
    seeds={"cpu": 2, "gpu": 5},
)
