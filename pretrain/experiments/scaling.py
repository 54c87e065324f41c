"""Scaling: excess loss against parameters and tokens, above a floor that is known.

    log excess |*                 a power law is a straight line here,
               |   *              and only here: a loss with its floor
               |      *           left in bends
               +------------ log parameters, or log tokens

@kaplan2020scaling @hoffmann2022training @henighan2020scaling
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from pretrain.corpora.markov import HiddenMarkov, weather
from pretrain.evaluation.likelihood import evaluate, evaluation_set, excess, floor
from pretrain.experiments.base import Arm, Experiment, Measures, Size
from pretrain.experiments.claims import Claim
from pretrain.model import ModelConfig
from pretrain.objectives import Causal, Masked
from pretrain.training import Budget, Run

WIDTHS = (8, 16, 32, 64)
TOKENS = {"cpu": (12_000, 36_000, 108_000), "gpu": (200_000, 600_000, 1_800_000)}
OBJECTIVES = {"causal": Causal(), "masked": Masked(0.3, (1.0, 0.0, 0.0))}
NAMES = ("few", "some", "many")
SCORED = 1000
LEAST = 1e-4  # nats; an excess is measured with noise, and its logarithm needs one


@lru_cache
def language() -> HiddenMarkov:
    """The weather language, with exact floors for both objectives."""
    return weather(size=SCORED)


def config(width: int) -> ModelConfig:
    """Two layers of that width."""
    return ModelConfig(
        language().tokenizer.vocab_size, width, depth=2, heads=2, context=96
    )


def arms(size: Size) -> tuple[Arm, ...]:
    """Four widths × three budgets × both objectives."""
    length = 64
    return tuple(
        Arm(
            f"{kind}-{width}-{name}",
            config(width),
            objective,
            language,
            Budget(tokens=n, rows=8, length=length, evaluations=1, held_out=100),
        )
        for kind, objective in OBJECTIVES.items()
        for width in WIDTHS
        for name, n in zip(NAMES, TOKENS[size], strict=True)
    )


def measure(run: Run, arm: Arm) -> Measures:
    """Excess over the exact floor on 1,000 diaries, and logarithms."""
    held_out = evaluation_set(
        arm.corpus(), arm.objective, SCORED, arm.budget.length, "test"
    )
    score = evaluate(run.model, held_out)
    found = excess(score, floor(arm.corpus(), held_out))
    parameters = run.model.parameter_count
    return {
        "loss": score.mean,
        "log_loss": math.log(score.mean),
        "excess": found.value,
        "error": found.error,
        "log_excess": math.log(max(found.value, LEAST)),
        "parameters": float(parameters),
        "tokens": float(arm.budget.steps * arm.budget.rows * arm.budget.length),
    }


def slope(x: Sequence[float]) -> np.ndarray:
    """Weights w so that Σ w·y is the slope of the least-squares line of y over x."""
    away = np.asarray(x, dtype=float) - np.mean(x)
    return away / (away @ away)


def by_parameters(kind: str, budget: str = "many") -> dict[str, float]:
    """Arms and weights: slope over log parameters, at one budget."""
    counts = [config(width).build().parameter_count for width in WIDTHS]
    weights = slope(np.log(counts))
    return {
        f"{kind}-{width}-{budget}": float(w)
        for width, w in zip(WIDTHS, weights, strict=True)
    }


def by_tokens(kind: str, width: int = WIDTHS[-1]) -> dict[str, float]:
    """Arms and weights: slope over log tokens, at one width."""
    weights = slope(np.log(TOKENS["cpu"]))  # both sizes have the same ratios
    return {
        f"{kind}-{width}-{name}": float(w)
        for name, w in zip(NAMES, weights, strict=True)
    }


def _bend(kind: str, width: int = WIDTHS[-1]) -> dict[str, float]:
    """Second difference over the three budgets: 0 on a straight line."""
    weights = (1.0, -2.0, 1.0)
    return {f"{kind}-{width}-{n}": w for n, w in zip(NAMES, weights, strict=True)}


def _claims(kind: str) -> tuple[Claim, ...]:
    return (
        Claim(
            f"{kind}: the excess falls with parameters (exponent, many tokens)",
            "log_excess",
            by_parameters(kind),
            "below",
        ),
        Claim(
            f"{kind}: with few tokens too",
            "log_excess",
            by_parameters(kind, "few"),
            "below",
        ),
        Claim(
            f"{kind}: the excess falls with tokens (exponent, width {WIDTHS[-1]})",
            "log_excess",
            by_tokens(kind),
            "below",
        ),
        Claim(
            f"{kind}: over tokens it is a straight line to 0.3 (second difference)",
            "log_excess",
            _bend(kind),
            "within",
            0.3,
        ),
        Claim(
            f"{kind}: with the floor left in, the exponent over tokens is below 0.3",
            "log_loss",
            by_tokens(kind),
            "within",
            0.3,
        ),
    )


EXPERIMENT = Experiment(
    name="scaling",
    question="How does the excess loss fall with parameters and with tokens?",
    published=(
        "Losses of causal Transformers fall as powers of parameters (exponent 0.076, "
        "no floor in the fit) and of tokens (0.095); with a floor fitted, 0.34 and "
        "0.28, and a floor of 1.69 nats a token. The floor is never known there."
    ),
    sources=("kaplan2020scaling", "hoffmann2022training", "henighan2020scaling"),
    setting=(
        "The weather language, whose causal and masked floors are exact. Two layers "
        "of width 8 to 64; each token is read once. Excess on 1,000 diaries. The "
        "language is finite and small, so exponents should be larger than those of "
        "text, and the excess should fall with tokens faster than by parameters; "
        "whether it is a power law is the question."
    ),
    claims=(*_claims("causal"), *_claims("masked")),
    arms=arms,
    measure=measure,
    primary=("excess", "error", "loss", "parameters", "tokens"),
    seeds={"cpu": 2, "gpu": 5},
)
