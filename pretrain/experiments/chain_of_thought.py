"""Chain of thought: does it help to write the steps before the answer?

The same walks through a house, answered at once, after fillers, or room by room.
@wei2022chain
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import islice, product

import numpy as np

from pretrain.corpora.walks import Walks
from pretrain.evaluation.generation import generate_batch
from pretrain.experiments.base import Arm, Experiment, Measures, Size
from pretrain.experiments.claims import Claim
from pretrain.model import ModelConfig
from pretrain.objectives import Causal
from pretrain.training import Budget, Run

STEPS = (2, 5)
ANSWERS = ("direct", "filler", "steps")
ASKED = 300
DOCUMENTS_A_ROW = 3
SEEN = 999  # a seed of the training stream that no run reads


@lru_cache
def walks(steps: int, answer: str) -> Walks:
    """One corpus a process."""
    return Walks(steps, answer)


class Open:
    """Opens the walks of one arm; a class, so that it travels to another process."""

    def __init__(self, steps: int, answer: str) -> None:
        self.steps, self.answer = steps, answer

    def __call__(self) -> Walks:
        return walks(self.steps, self.answer)


def arms(size: Size) -> tuple[Arm, ...]:
    """Short and long walks in three forms, at equal tokens."""
    found = []
    for steps, answer in product(STEPS, ANSWERS):
        corpus = Open(steps, answer)
        vocabulary = corpus().tokenizer.vocab_size
        length = DOCUMENTS_A_ROW * corpus().length
        if size == "cpu":
            model = ModelConfig(vocabulary, width=32, depth=2, heads=2, context=64)
            budget = Budget(tokens=160_000, rows=32, length=length, evaluations=4)
        else:
            model = ModelConfig(vocabulary, width=64, depth=4, context=64)
            budget = Budget(tokens=8_000_000, rows=128, length=length, evaluations=8)
        found.append(Arm(f"{answer}-{steps}", model, Causal(), corpus, budget))
    return tuple(found)


def exact_match(model, corpus: Walks, walks_: Sequence[np.ndarray]) -> float:
    """Share of walks whose last written token is the room where they end."""
    written = generate_batch(
        model,
        [corpus.question(walk) for walk in walks_],
        corpus.tokenizer,
        max_tokens=corpus.steps + 2,
    )
    ends = [corpus.reply(walk)[-1] for walk in walks_]
    right = [ids[-1:] == [end] for ids, end in zip(written, ends, strict=True)]
    return float(np.mean(right))


def measure(run: Run, arm: Arm) -> Measures:
    """Exact match on walks that were held out and on others; walks read."""
    corpus = arm.corpus()
    model = run.model.cpu()
    unseen = list(islice(corpus.problems("test"), ASKED))
    seen = list(islice(corpus.problems("train", SEEN), ASKED))
    read = arm.budget.steps * arm.budget.rows * DOCUMENTS_A_ROW
    return {
        "accuracy": exact_match(model, corpus, unseen),
        "accuracy_train": exact_match(model, corpus, seen),
        "examples": float(read),
        "loss": run.eval_loss,
    }


def _more(first: str, second: str, says: str) -> Claim:
    return Claim(says, "accuracy", {first: 1, second: -1})


EXPERIMENT = Experiment(
    name="chain-of-thought",
    question="Does a model answer better if it was taught to write the steps first?",
    published=(
        "PaLM 540B on GSM8K, by prompting: 17.9 % answered at once, 56.9 % with a "
        "chain of thought; the gain is larger for problems of more steps, and dots in "
        "place of the steps bring nothing. In theory (and under a common conjecture), "
        "a pass of fixed depth cannot compose permutations of any number; written "
        "steps make it possible."
    ),
    sources=("wei2022chain", "merrill2024expressive"),
    setting=(
        "Walks of 2 and 5 steps through a house of 8 rooms, learned from examples "
        "(not prompted), by a model of 2 layers, at equal tokens read. So direct "
        "answers are seen in more examples than steps; fillers in equally many of "
        "equal length. Exact match on walks of which none was trained on; one guess "
        "in eight is right."
    ),
    claims=(
        _more("steps-5", "direct-5", "5 steps: written out is better than at once"),
        _more("steps-5", "filler-5", "5 steps: written out is better than fillers"),
        _more("steps-2", "direct-2", "2 steps: written out is better than at once"),
        Claim(
            "5 steps: fillers help by less than 0.1",
            "accuracy",
            {"filler-5": 1, "direct-5": -1},
            "within",
            0.1,
        ),
        Claim(
            "what steps gain is more for 5 steps than for 2",
            "accuracy",
            {"steps-5": 1, "direct-5": -1, "steps-2": -1, "direct-2": 1},
        ),
    ),
    arms=arms,
    measure=measure,
    primary=("accuracy", "accuracy_train", "examples"),
)
