"""Replaced-token detection against masking, and its ablations, at equal compute.

@clark2020electra
"""

from dataclasses import replace

from pretrain.attention import full
from pretrain.electra import ElectraConfig
from pretrain.experiments.base import Arm, Experiment, Measures, Size
from pretrain.experiments.claims import Claim
from pretrain.experiments.compute import flops
from pretrain.experiments.diaries import long_diaries, weather_probe
from pretrain.model import ModelConfig
from pretrain.objectives import Masked
from pretrain.objectives.masked import ALL_MASK
from pretrain.objectives.replaced import VARIANTS, Replaced
from pretrain.training import Budget, Run

RATE = 0.15


def arms(size: Size) -> tuple[Arm, ...]:
    """Masking at 15 % for as many tokens as its saved compute buys, and ELECTRA."""
    vocabulary = long_diaries().tokenizer.vocab_size
    if size == "cpu":
        model = ModelConfig(vocabulary, width=32, depth=2, heads=2, context=128)
        budget = Budget(tokens=200_000, rows=8, evaluations=2, held_out=100)
    else:
        model = ModelConfig(vocabulary, width=64, depth=3)
        budget = Budget(tokens=8_000_000, rows=32, evaluations=4)
    masked = Masked(RATE, ALL_MASK)
    plans = [("masked", model, masked)]
    for variant in VARIANTS:
        name = variant.replace("_", "-")
        plans.append((name, ElectraConfig(model), Replaced(masked, variant)))
    unit = flops(model, masked, RATE)
    batch = budget.rows * budget.length
    found = []
    for name, config, objective in plans:
        share = unit / flops(config, objective, RATE)
        steps = round(budget.tokens * share / batch)
        plan = replace(budget, tokens=steps * batch)
        found.append(Arm(name, config, objective, long_diaries, plan))
    return tuple(found)


def measure(run: Run, arm: Arm) -> Measures:
    """The probe on the network that is kept, with few and with more labels."""
    model = run.model if isinstance(arm.model, ModelConfig) else run.model.discriminator
    tokenizer = arm.corpus().tokenizer
    return {
        "probe": weather_probe(model, tokenizer, full()),
        "probe_25": weather_probe(model, tokenizer, full(), per_class=25),
        "tokens": run.log.records[-1]["tokens"],
        "loss": run.eval_loss,
    }


EXPERIMENT = Experiment(
    name="replaced",
    question="Does learning from all tokens, as ELECTRA does, beat learning from 15 %?",
    published=(
        "GLUE at equal compute: BERT 82.2, ELECTRA scored at the 15 % alone 82.4, "
        "Replace MLM 82.4, All-Tokens MLM 84.3, ELECTRA 85.0. ELECTRA-Small beats GPT, "
        "79.9 to 78.8, at a thirtieth of the compute."
    ),
    sources=("clark2020electra",),
    setting=(
        "The weather diary with a mean of 50 days, equal FLOPs: the generator is half "
        "as wide, and masking reads more tokens for the same compute. The probe reads "
        "the hidden weather of an ambiguous day off frozen states, with 10 labels "
        "for each kind of weather (probe_25: 25). The gain should come from the "
        "number of scored tokens, so it should be there, smaller than in the paper: a "
        "replaced word of this language is often as likely as the true one."
    ),
    claims=(
        Claim("ELECTRA probes better than masking", "probe", {"rtd": 1, "masked": -1}),
        Claim(
            "ELECTRA probes better than scored at the 15 % alone",
            "probe",
            {"rtd": 1, "rtd-masked": -1},
        ),
        Claim(
            "All-Tokens MLM probes better than masking",
            "probe",
            {"all-tokens-mlm": 1, "masked": -1},
        ),
        Claim(
            "Replace MLM probes as masking does (within 3 points)",
            "probe",
            {"replace-mlm": 1, "masked": -1},
            "within",
            0.03,
        ),
    ),
    arms=arms,
    measure=measure,
    primary=("probe", "probe_25", "tokens"),
    seeds={"cpu": 4, "gpu": 5},
)
