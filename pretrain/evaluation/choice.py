r"""Multiple choice by likelihood: the model never writes, it is asked how likely.

    context   The capital of Peru is
    choices   Lima  ln p = −0.1     Oslo  −7.9     Cairo  −8.2     Paris  −6.5

A choice scores the sum of ln p of its tokens after the context; the likeliest is the
model's answer. What differs between benchmarks is the format:

- **cloze**: the choices are words that continue the context, as above. Longer endings
  have smaller probabilities, so HellaSwag's are also divided by their length
  (``by="characters"`` or ``"bytes"``; "acc_norm"). @zellers2019hellaswag
- **letters**, as MMLU asks: the choices are listed as A, B, C, D, worked examples come
  first, and only the letter is scored (:func:`lettered`). A model has to know the
  answer *and* the format. @hendrycks2021measuring
- **several true answers**, as TruthfulQA has them: :func:`mc1` and :func:`mc2`.

    questions = ...                                             # [Question]
    scores = choice_log_likelihoods(model, tokenizer, questions)
    right = correct(questions, scores)                          # (n,) bool
    accuracy(questions, right)                                  # micro, macro, chance
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from pretrain.errors import EmptyLossError, PretrainError
from pretrain.evaluation.bootstrap import Interval, bootstrap, mean
from pretrain.losses import IGNORE, token_losses
from pretrain.model import Transformer
from pretrain.tokens import Tokenizer

LETTERS = "ABCDEFGHIJ"
ROWS = 64


@dataclass(frozen=True)
class Question:
    """A context, the texts that may continue it, and which one is right.

    A blank stands between context and choice. ``answer`` is an index into ``choices``.
    """

    context: str
    choices: tuple[str, ...]
    answer: int
    subject: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.answer < len(self.choices):
            raise PretrainError(
                f"the answer {self.answer} is not one of {len(self.choices)} choices: "
                "give the index of the right one, counted from 0"
            )

    def with_choice(self, i: int) -> str:
        """The context continued by choice i."""
        return f"{self.context.rstrip()} {self.choices[i]}".lstrip()


# -- formats ----------------------------------------------------------------------


def lettered(question: Question, shots: Sequence[Question] = ()) -> Question:
    """The question in MMLU's format: its choices are letters now.

        The following are multiple choice questions (with answers) about capitals.

        What is the capital of Chile?
        A. Lima
        B. Santiago
        Answer: B

        What is the capital of Peru? …

    ``shots`` are worked examples, shown with their answers.
    """
    about = question.subject.replace("_", " ")
    head = "The following are multiple choice questions (with answers)"
    parts = [f"{head} about {about}." if about else f"{head}."]
    parts += [f"{_listed(shot)} {LETTERS[shot.answer]}" for shot in shots]
    letters = tuple(LETTERS[: len(question.choices)])
    context = "\n\n".join([*parts, _listed(question)])
    return Question(context, letters, question.answer, question.subject)


def _listed(question: Question) -> str:
    if len(question.choices) > len(LETTERS):
        raise PretrainError(
            f"{len(question.choices)} choices need more letters than {LETTERS}: "
            "give fewer"
        )
    options = [
        f"{letter}. {choice}"
        for letter, choice in zip(LETTERS, question.choices, strict=False)
    ]
    return "\n".join([question.context.strip(), *options, "Answer:"])


# -- scores -----------------------------------------------------------------------


@torch.no_grad()
def choice_log_likelihoods(
    model: Transformer, tokenizer: Tokenizer, questions: Sequence[Question]
) -> list[np.ndarray]:
    """For each question, ln p(choice | context) of each choice, in nats: (choices,).

    The text of context and choice is tokenized whole, as in training, after ``<doc>``.
    Scored is everything from the first token in which some choice differs from the
    context alone; where BPE merges across the boundary, that is a token of the context,
    for all choices of the question alike. The closing ``<doc>`` is not scored.

    Raises PretrainError when a choice has a word that the tokenizer lacks (letters, in
    a tokenizer of words), adds no token, or does not fit the model's context.
    """
    rows = []  # (ids with <doc>, place of the first scored token)
    for question in questions:
        context = tokenizer.encode(question.context.rstrip())
        texts = [question.with_choice(i) for i in range(len(question.choices))]
        encoded = tokenizer.encode_all(texts)
        start = min(_common(context, ids) for ids in encoded)
        for choice, ids in zip(question.choices, encoded, strict=True):
            _check(choice, ids[start:], len(ids), tokenizer, model)
            rows.append(([tokenizer.special.doc, *ids], start + 1))
    sums = np.empty(len(rows))
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]))  # little padding
    was_training = model.training
    model.eval()
    try:
        for first in range(0, len(order), ROWS):
            group = order[first : first + ROWS]
            sums[group] = _scores(model, tokenizer, [rows[i] for i in group])
    finally:
        model.train(was_training)
    ends = np.cumsum([len(q.choices) for q in questions])[:-1]
    return np.split(sums, ends) if len(questions) else []


def _scores(model, tokenizer, rows: list[tuple[list[int], int]]) -> np.ndarray:
    """Σ ln p of the scored tokens of each row: (B,) float64."""
    length = max(len(ids) for ids, _ in rows)
    full = torch.full((len(rows), length), tokenizer.special.pad)
    targets = torch.full((len(rows), length - 1), IGNORE)
    for row, (ids, start) in enumerate(rows):
        full[row, : len(ids)] = torch.tensor(ids)
        targets[row, start - 1 : len(ids) - 1] = torch.tensor(ids[start:])
    device = next(model.parameters()).device
    hidden = model.hidden(full[:, :-1].to(device))  # (B,T,D); causal
    scored = targets != IGNORE
    losses = torch.zeros(targets.shape, dtype=torch.float64)
    found = token_losses(model.logits(hidden[scored.to(device)]), targets[scored])
    losses[scored] = found.double().cpu()
    return -losses.sum(1).numpy()


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    """How many tokens a and b begin with in common."""
    pairs = enumerate(zip(a, b, strict=False))
    return next((i for i, (x, y) in pairs if x != y), min(len(a), len(b)))


def _check(choice: str, ids: list[int], length: int, tokenizer, model) -> None:
    if not ids:
        raise PretrainError(f"the choice {choice!r} adds no token: give it some text")
    if tokenizer.special.unk is not None and tokenizer.special.unk in ids:
        raise PretrainError(
            f"{tokenizer.name} has no token for a part of the choice {choice!r}: score "
            "the answers' own words, or use a tokenizer that has it"
        )
    if length > model.config.context:
        raise PretrainError(
            f"a question of {length} tokens does not fit this model's context of "
            f"{model.config.context}: give fewer worked examples"
        )


def correct(
    questions: Sequence[Question],
    scores: Sequence[np.ndarray],
    by: Literal["sum", "characters", "bytes"] = "sum",
) -> np.ndarray:
    """Whether the likeliest choice is the right one: (n,) bool.

    ``by`` divides each sum by the choice's length first. A tie with a wrong choice is
    an error: a model that tells no choices apart earns nothing.
    """
    measure = {
        "sum": lambda text: 1,
        "characters": len,
        "bytes": lambda text: len(text.encode()),
    }.get(by)
    if measure is None:
        raise PretrainError(f"by is 'sum', 'characters' or 'bytes', not {by!r}")
    right = []
    for question, score in zip(questions, scores, strict=True):
        value = np.asarray(score) / [measure(text) for text in question.choices]
        others = np.delete(value, question.answer)
        right.append(bool((value[question.answer] > others).all()))
    return np.array(right, dtype=bool)


# -- summaries --------------------------------------------------------------------


@dataclass(frozen=True)
class Accuracy:
    """Shares of right answers.

    micro: over all questions; large subjects weigh more.
    macro: the mean over the subjects, each weighing the same.
    chance: what guessing gets in expectation, over all questions.
    """

    micro: Interval
    macro: Interval
    chance: float


def macro_mean(right: np.ndarray, subjects: np.ndarray) -> float:
    """The mean over subjects of the mean over a subject's questions."""
    _, which = np.unique(subjects, return_inverse=True)
    return float((np.bincount(which, right) / np.bincount(which)).mean())


def accuracy(
    questions: Sequence[Question], right: np.ndarray, n: int = 2000, seed: int = 0
) -> Accuracy:
    """Micro and macro averages with intervals over questions.

    A resample may lack a small subject; its macro average is over those it has. Raises
    EmptyLossError without questions.
    """
    if not len(questions):
        raise EmptyLossError("there are no questions, so there is no accuracy")
    right = np.asarray(right, dtype=float)
    names = np.array([question.subject for question in questions])
    subjects = np.unique(names, return_inverse=True)[1]  # numbers are quicker to draw
    return Accuracy(
        bootstrap(mean, right, n=n, seed=seed),
        bootstrap(macro_mean, right, subjects, n=n, seed=seed),
        float(np.mean([1 / len(question.choices) for question in questions])),
    )


def mc1(scores: np.ndarray, true: np.ndarray) -> float:
    """1 if the likeliest of all answers is true, else 0. @lin2022truthfulqa

    scores (choices,) ln p; true (choices,) bool. TruthfulQA's MC1 questions have one
    true answer each. A tie with a false answer is an error.
    """
    scores, true = _true_and_false(scores, true)
    return float(scores[true].max() > scores[~true].max(initial=-np.inf))


def mc2(scores: np.ndarray, true: np.ndarray) -> float:
    """The true answers' share of the probability of all answers. @lin2022truthfulqa"""
    scores, true = _true_and_false(scores, true)
    p = np.exp(scores - scores.max())
    return float(p[true].sum() / p.sum())


def _true_and_false(scores, true) -> tuple[np.ndarray, np.ndarray]:
    scores, true = np.asarray(scores, dtype=float), np.asarray(true, dtype=bool)
    if scores.shape != true.shape or scores.ndim != 1 or not true.any():
        raise PretrainError(
            f"scores {scores.shape} with truths {true.shape}: give one of each for "
            "every answer, one true answer at least"
        )
    return scores, true
