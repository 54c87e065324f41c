"""Preferences: two answers to one question, and which of them people like better.

    question   Which city is the capital of Ghana?
    chosen     Accra is the capital of Ghana.        a whole sentence, and true
    rejected   It is Accra.

Microworld's chats answer a question in several true ways. Which way is liked is a rule
here, so that the reward of *any* answer is known exactly: 1 for a true answer in the
style that is liked, 0 for everything else. That makes it visible when a model earns
reward, and when it drifts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from pretrain.corpora.chats import END, Chats, Turn, prompt
from pretrain.errors import PretrainError

Style = Literal["whole", "short"]


@dataclass(frozen=True)
class Comparison:
    """A prompt (ids up to ``<assistant>``) and two answers (ids with ``<end>``)."""

    prompt: tuple[int, ...]
    chosen: tuple[int, ...]
    rejected: tuple[int, ...]


class Preferences:
    """Comparisons of answers about capitals.

    Args:
        chats: the conversations that the questions are taken from.
        style: "whole" likes answers that name the country, "short" those that do not.
        samples: how many chats are drawn to collect questions and answers from.

    Every question goes to one split by its place in a fixed shuffle: four fifths train,
    one fifth validation. Nothing is in both.
    """

    def __init__(
        self, chats: Chats, style: Style = "whole", samples: int = 4000
    ) -> None:
        if style not in ("whole", "short"):
            raise PretrainError(f'the style is {style!r}: give "whole" or "short"')
        self.chats, self.style, self.samples = chats, style, samples
        self.tokenizer = chats.tokenizer
        self.name = f"{chats.name}-preferences-{style}"
        answers: dict[tuple[int, ...], set[tuple[int, ...]]] = {}
        for question, answer in chats.asked(samples):
            answers.setdefault(question.tokens, set()).add(answer.tokens)
        self._answers = {q: sorted(found) for q, found in sorted(answers.items())}
        items = chats.world.grammar.lexicons["country"].items
        names = [tuple(chats.world.tokenizer.encode(item.text)) for item in items]
        self._country = {
            question: next(name for name in names if _within(name, question))
            for question in self._answers
        }
        questions = list(self._answers)
        Random("preferences").shuffle(questions)
        cut = len(questions) * 4 // 5
        self._split = {"train": questions[:cut], "validation": questions[cut:]}

    def questions(self, split: str = "train") -> list[tuple[int, ...]]:
        """The questions of a split, as token ids without markers."""
        if split not in self._split:
            raise PretrainError(
                f"there is no split {split!r} of {self.name}: train or validation"
            )
        return self._split[split]

    def prompt(self, question: Sequence[int]) -> list[int]:
        """A question as the ids that the assistant answers to."""
        return prompt([Turn("user", tuple(question))], self.tokenizer)

    def reward(self, question: Sequence[int], answer: Sequence[int]) -> float:
        """1.0 for a true answer (ids, no ``<end>``) in the liked style, else 0.0."""
        question = tuple(question)
        true = tuple(answer) in self._answers.get(question, ())
        return float(true and self._liked(question, answer))

    def comparisons(self, split: str = "train", seed: int = 0) -> Iterator[Comparison]:
        """Pairs of true answers in different styles; "train" never ends.

        Raises PretrainError when no question has answers in both styles.
        """
        end = self.tokenizer.special.extra(END)
        pairs = [
            (question, good, bad)
            for question in self.questions(split)
            for good in self._answers[question]
            for bad in self._answers[question]
            if self._liked(question, good) and not self._liked(question, bad)
        ]
        if not pairs:
            raise PretrainError(
                f"{self.name} has no question that was answered in both styles: draw "
                "more samples"
            )
        random = Random(f"comparisons {seed}")
        while True:
            random.shuffle(pairs)
            for question, good, bad in pairs:
                asked = tuple(self.prompt(question))
                yield Comparison(asked, (*good, end), (*bad, end))
            if split != "train":
                return

    def _liked(self, question: tuple[int, ...], answer: Sequence[int]) -> bool:
        """Does the answer name the country asked about (or not, if "short")?"""
        said = _within(self._country[question], answer)
        return said if self.style == "whole" else not said


def _within(part: Sequence[int], whole: Sequence[int]) -> bool:
    starts = range(len(whole) - len(part) + 1)
    return any(tuple(whole[i : i + len(part)]) == tuple(part) for i in starts)
