"""Span corruption: how long should the spans be, and how much should be cut out?

Long spans make the answer short and its words depend on one another; single words are
the masked objective in another form. @raffel2020exploring
"""

from functools import lru_cache
from random import Random

import numpy as np
import torch

from pretrain.attention import full
from pretrain.corpora.extended import WithTokens
from pretrain.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from pretrain.experiments.base import Arm, Experiment, Measures, Size
from pretrain.experiments.claims import Claim
from pretrain.experiments.diaries import long_diaries, weather_probe
from pretrain.losses import token_losses
from pretrain.model import ModelConfig, Transformer
from pretrain.objectives.rewriting import one_stack, two_stacks
from pretrain.objectives.span import SpanCorruption, sentinel_ids, sentinel_names
from pretrain.training import Budget, Run

SPANS = (1, 2, 3, 5, 10)
RATES = (0.1, 0.25, 0.5)  # besides 0.15
GAPS = (1, 3, 6, 10)


@lru_cache
def diaries() -> WithTokens:
    """The long weather diary, with T5's sentinels."""
    return WithTokens(long_diaries(), sentinel_names(SpanCorruption().sentinels))


def arms(size: Size) -> tuple[Arm, ...]:
    """Mean spans at 15 %, rates at a mean span of 3, and an encoder–decoder."""
    vocabulary = diaries().tokenizer.vocab_size
    if size == "cpu":
        shape = dict(width=32, depth=2, heads=2, context=384)
        budget = Budget(tokens=160_000, rows=8, evaluations=2, held_out=100)
    else:
        shape = dict(width=64, depth=3, heads=4, context=384)
        budget = Budget(tokens=5_000_000, rows=32, evaluations=4, held_out=500)
    pairs = [(0.15, span) for span in SPANS] + [(rate, 3) for rate in RATES]
    one = ModelConfig(vocabulary, **shape)
    two = EncoderDecoderConfig(vocabulary, **shape, decoder_depth=shape["depth"])
    made = [
        Arm(f"rate-{r}-span-{s}", one, SpanCorruption(r, s), diaries, budget)
        for r, s in pairs
    ]
    both = SpanCorruption(form="encoder-decoder")
    return (*made, Arm("encoder-decoder", two, both, diaries, budget))


@lru_cache
def gaps(count: int = 120) -> list[tuple[tuple[int, ...], int, int, float]]:
    """(tokens, first, length, nats of the best guess) for fixed held-out gaps.

    The guess is exact: word after word from the posterior given all that is visible,
    the gap's length known.
    """
    language, random = long_diaries(), Random("gaps")
    documents = [d.tokens for d in language.heldout("test") if len(d.tokens) >= 20]
    found = []
    for length in GAPS:
        chosen = documents[:count]
        starts = [random.randrange(1, len(d) - length - 1) for d in chosen]
        nats = np.zeros(len(chosen))
        for i in range(length):  # word i, those before it filled in
            hidden = [range(s + i, s + length) for s in starts]
            each = language.masked_surprisals_all(chosen, hidden)
            nats += [row[0] for row in each]
        found += [
            (d, s, length, float(n))
            for d, s, n in zip(chosen, starts, nats, strict=True)
        ]
    return found


@torch.no_grad()
def gap_excess(run: Run, arm: Arm) -> Measures:
    """Nats a hidden word above the best guess, for each length of gap and in all.

    Sentinels cannot be chosen here, so that no model is scored on where a gap ends.
    """
    tokenizer = arm.corpus().tokenizer
    special, marks = tokenizer.special, sentinel_ids(tokenizer.special)
    join = one_stack if arm.objective.form == "one-stack" else two_stacks
    nats: dict[int, list[float]] = {length: [] for length in GAPS}
    for first in range(0, len(gaps()), 60):
        group = gaps()[first : first + 60]
        pairs = [
            [([*d[:s], marks[0], *d[s + n :]], [marks[0], *d[s : s + n], marks[1]])]
            for d, s, n, _ in group
        ]
        batch = join(pairs, special.doc, special.pad)
        words = batch.scored & ~torch.isin(batch.targets, torch.tensor(marks))
        logits = run.model.logits(arm.objective.hidden(run.model, batch)[words])
        logits[:, list(special.ids)] = -torch.inf
        each = torch.zeros(words.shape, dtype=torch.float64)
        each[words] = token_losses(logits, batch.targets[words]).double()
        for (_, _, length, best), total in zip(group, each.sum(1), strict=True):
            nats[length].append((float(total) - best) / length)
    means = {f"gap_{length}": float(np.mean(v)) for length, v in nats.items()}
    return {"gap": float(np.mean(list(means.values()))), **means}


def encoder(model: EncoderDecoder) -> Transformer:
    """The encoder of an encoder–decoder, as a Transformer of its own."""
    c = model.config
    config = ModelConfig(c.vocab_size, c.width, c.depth, c.heads, c.context)
    alone = Transformer(config)
    own = alone.state_dict()
    alone.load_state_dict({k: v for k, v in model.state_dict().items() if k in own})
    return alone.eval()


def measure(run: Run, arm: Arm) -> Measures:
    """The gaps, the probe, and the tokens scored for each token read."""
    read = arm.budget.rows * arm.budget.length
    two = isinstance(run.model, EncoderDecoder)
    reader = encoder(run.model) if two else run.model
    return gap_excess(run, arm) | {
        "loss_at_15_3": run.eval_loss,
        "probe": weather_probe(reader, arm.corpus().tokenizer, full()),
        "scored": float(np.mean(run.log.column("scored"))) / read,
    }


EXPERIMENT = Experiment(
    name="span",
    question="How long should corrupted spans be, and how much should be corrupted?",
    published=(
        "T5, GLUE/SQuAD/SuperGLUE. Mean span: i.i.d. 83.28/80.88/71.36, 2 "
        "83.54/82.09/72.20, 3 83.49/81.84/72.53, 5 83.40/82.05/72.23, 10 "
        "82.85/81.84/70.44. Rate: 10 % 82.82/80.38/69.55, 15 % 83.28/80.88/71.36, "
        "25 % 83.00/80.96/70.48, 50 % 81.27/79.80/70.33. Encoder–decoder 83.28, one "
        "stack with a prefix 81.82. Differences are small but for 50 % and span 10; "
        "the baseline's own standard deviation is 0.235/0.343/0.416."
    ),
    sources=("raffel2020exploring",),
    setting=(
        "The weather diary with a mean of 50 days, equal tokens of text. All models "
        "fill the same held-out gaps of 1, 3, 6 and 10 words; gap is nats a hidden "
        "word above the exact best guess of one who knows the gap's length (which no "
        "model is told, so 0 cannot quite be reached), all four lengths counting the "
        "same. The probe reads the hidden weather of an ambiguous day off frozen "
        "states, 10 labels for each kind of weather. Differences as small as T5's "
        "should drown in seeds; a high rate, which scores more tokens, should do "
        "better than in T5, as should long spans on long gaps."
    ),
    claims=(
        Claim(
            "A mean span of 3 fills gaps better than single words",
            "gap",
            {"rate-0.15-span-3": 1, "rate-0.15-span-1": -1},
            "below",
        ),
        Claim(
            "A mean span of 10 is worse than one of 3",
            "gap",
            {"rate-0.15-span-10": 1, "rate-0.15-span-3": -1},
        ),
        Claim(
            "Corrupting 50 % is worse than 15 % (gaps)",
            "gap",
            {"rate-0.5-span-3": 1, "rate-0.15-span-3": -1},
        ),
        Claim(
            "Corrupting 50 % is worse than 15 % (probe)",
            "probe",
            {"rate-0.5-span-3": 1, "rate-0.15-span-3": -1},
            "below",
        ),
        Claim(
            "A mean span of 3 probes better than single words",
            "probe",
            {"rate-0.15-span-3": 1, "rate-0.15-span-1": -1},
        ),
        Claim(
            "An encoder–decoder fills gaps better than one stack of the same depth",
            "gap",
            {"encoder-decoder": 1, "rate-0.15-span-3": -1},
            "below",
        ),
    ),
    arms=arms,
    measure=measure,
    primary=("gap", "gap_1", "gap_10", "probe", "scored"),
)
