"""In-context learning: is what a document makes up used further on in it?

Pairs whose mapping is drawn anew in each document, against pairs without any mapping.
@olsson2022context @brown2020language
"""

from dataclasses import replace
from functools import lru_cache, partial

import numpy as np
import torch

from pretrain.attention import causal
from pretrain.corpora.lookups import Lookups
from pretrain.evaluation.likelihood import evaluate, excess, floor, prepare
from pretrain.experiments.base import Arm, Experiment, Measures, Size
from pretrain.experiments.claims import Claim
from pretrain.model import ModelConfig
from pretrain.objectives import Causal
from pretrain.training import Budget, Run

SHOTS = (0, 1, 2, 4)
CORPUS = Lookups(pairs=16, noise=0.1, choices=4, size=500)
EARLY, LATE = slice(0, 4), slice(12, 16)  # pairs of a document


@lru_cache
def lookups(repeated: bool) -> Lookups:
    """The corpus with mappings, or the same without."""
    return replace(CORPUS, repeated=repeated)


def arms(size: Size) -> tuple[Arm, ...]:
    """One and two layers, with and without the token before in the embedding."""
    vocabulary = CORPUS.tokenizer.vocab_size
    length = 2 * CORPUS.pairs + 1
    if size == "cpu":
        model = ModelConfig(vocabulary, width=32, depth=1, heads=2, context=64)
        budget = Budget(tokens=160_000, rows=8, length=length, evaluations=4)
    else:
        model = ModelConfig(vocabulary, width=64, depth=1, heads=2, context=64)
        budget = Budget(tokens=8_000_000, rows=64, length=length, evaluations=8)
    budget = replace(budget, held_out=200)
    smeared = replace(model, bigram_rows=256)
    known, fresh = partial(lookups, True), partial(lookups, False)
    return (
        Arm("one-layer", model, Causal(), known, budget),
        Arm("two-layers", replace(model, depth=2), Causal(), known, budget),
        Arm("one-layer-smeared", smeared, Causal(), known, budget),
        Arm("smeared-fresh", smeared, Causal(), fresh, budget),
    )


@torch.no_grad()
def color_probabilities(model, documents) -> np.ndarray:
    """(documents, pairs, choices): the model's probability of each color, given the
    color is one."""
    special = CORPUS.tokenizer.special
    rows = torch.tensor([[special.doc, *d.tokens] for d in documents])
    logits = model(rows, causal())[:, 1::2]  # at the animals: (documents,pairs,V)
    first = special.reserved + CORPUS.choices
    return logits[..., first : first + CORPUS.choices].double().softmax(-1).numpy()


def measure(run: Run, arm: Arm) -> Measures:
    """Accuracy after k showings, of the model and the best; losses early and late.

    Always on held-out documents that have a mapping, whatever was trained on.
    """
    corpus = lookups(True)
    model = run.model.cpu()
    documents = corpus.heldout("test")
    p = color_probabilities(model, documents)
    colors = np.array([d.tokens for d in documents])[:, 1::2]
    colors = colors - corpus.tokenizer.special.reserved - corpus.choices
    known = [corpus.predictive(d.tokens) for d in documents]
    shots = np.stack([shown for shown, _ in known])
    ideal = np.stack([best for _, best in known])
    right, could = p.argmax(-1) == colors, ideal.argmax(-1) == colors
    found: Measures = {}
    for k in SHOTS:
        found[f"accuracy_{k}"] = float(right[shots == k].mean())
        found[f"ideal_{k}"] = float(could[shots == k].mean())
    nats = -np.log(np.take_along_axis(p, colors[..., None], -1)[..., 0])
    best = -np.log(np.take_along_axis(ideal, colors[..., None], -1)[..., 0])
    for name, losses in (("", nats), ("ideal_", best)):
        found[f"{name}early"] = float(losses[:, EARLY].mean())
        found[f"{name}late"] = float(losses[:, LATE].mean())
        found[f"{name}ratio"] = found[f"{name}late"] / found[f"{name}early"]
    found["gain"] = found["accuracy_4"] - found["accuracy_1"]
    found["learned"] = found["accuracy_4"] - found["accuracy_0"]
    held_out = prepare(documents, corpus.tokenizer, Causal(), 2 * corpus.pairs + 1)
    score = evaluate(model, held_out)
    found["excess"] = excess(score, floor(corpus, held_out)).value
    return found


EXPERIMENT = Experiment(
    name="in-context",
    question="Does next-token prediction teach a model to learn from its own context?",
    published=(
        "GPT-3's accuracy grows with the number of examples in its context. In small "
        "attention-only models that is the work of induction heads: two layers form "
        "them, one layer does not, unless its keys see the token before (smeared "
        "keys); the loss then falls along the context, by some 0.4 nats from the 50th "
        "to the 500th token."
    ),
    sources=("olsson2022context", "brown2020language"),
    setting=(
        "Documents of 16 pairs of one of 4 animals and its color; the mapping is new "
        "in each document, and one color in ten is wrong, so more showings are surer. "
        "Accuracy on held-out mappings after k showings, beside the exact best; ratio "
        "is the loss of a color in the last quarter over that in the first. smeared: "
        "an embedding of the token and the one before it. fresh: trained where colors "
        "follow no mapping. One guess in four is right."
    ),
    claims=(
        Claim(
            "one layer that sees the token before learns in context (after 4 showings)",
            "accuracy_4",
            {"one-layer-smeared": 1, "one-layer": -1},
            margin=0.1,
        ),
        Claim(
            "two layers do without it (after 4 showings, against one layer)",
            "accuracy_4",
            {"two-layers": 1, "one-layer": -1},
            margin=0.1,
        ),
        Claim(
            "four showings are better than one, smeared",
            "gain",
            {"one-layer-smeared": 1},
        ),
        Claim(
            "the loss of a color is lower late than early by a fifth or more, smeared, "
            "against the model trained without mappings",
            "ratio",
            {"one-layer-smeared": 1, "smeared-fresh": -1},
            "below",
            0.2,
        ),
        Claim(
            "trained without mappings, four showings are no better than none (to 0.05)",
            "learned",
            {"smeared-fresh": 1},
            "within",
            0.05,
        ),
    ),
    arms=arms,
    measure=measure,
    primary=("accuracy_0", "accuracy_1", "accuracy_4", "ideal_4", "ratio", "excess"),
    seeds={"cpu": 2, "gpu": 5},
)
