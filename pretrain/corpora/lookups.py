"""Pairs whose meaning is made up in every document: what can be learned in context.

    cat red   dog blue   cat red   fox green   cat pink   dog blue   cat …
                                               (noise)                    red

Each document draws a mapping of its own, a color for every animal, and then shows
pairs. A shown color is the mapping's with probability 1 − noise, and any other color
otherwise. So no weight can hold the mapping: it has to be read off the pairs before,
and the more often an animal was shown, the surer its color is. The exact probability
of the next color follows from Bayes' rule, so accuracy and loss after k showings have
exact bests. With ``repeated=False`` every color is drawn anew, uniformly: the same
words as often, and nothing to learn from the context.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pretrain import tokens
from pretrain.corpora import SPLITS
from pretrain.corpora.document import Document
from pretrain.errors import PretrainError

ANIMALS = ("cat", "dog", "fox", "hen", "cow", "duck", "goat", "mouse")
COLORS = ("red", "blue", "green", "pink", "grey", "white", "black", "brown")


@dataclass(frozen=True)
class Lookups:
    """A corpus of such documents.

    pairs: pairs in a document, of two tokens each.
    noise: probability that a shown color is not the mapping's.
    choices: how many animals there are, and how many colors; 2 to 8.
    repeated: whether a document has a mapping at all.
    size: documents of the validation split, and of the test split.

    Raises PretrainError for numbers outside these.
    """

    pairs: int = 24
    noise: float = 0.1
    choices: int = 5
    repeated: bool = True
    size: int = 500

    def __post_init__(self) -> None:
        fits = self.pairs >= 1 and 2 <= self.choices <= len(COLORS)
        if not fits or not 0 <= self.noise <= 1:
            raise PretrainError(
                f"{self.pairs} pairs of {self.choices} animals with a noise of "
                f"{self.noise}: give 1 pair or more, 2 to {len(COLORS)} animals, and a "
                "noise from 0 to 1"
            )

    @property
    def name(self) -> str:
        kind = f"noise-{self.noise}" if self.repeated else "fresh"
        return f"lookups-{self.pairs}-of-{self.choices}-{kind}"

    @cached_property
    def tokenizer(self) -> tokens.Tokenizer:
        return tokens.words(
            [*ANIMALS[: self.choices], *COLORS[: self.choices]], split="blanks"
        )

    def stream(self, split: str = "train", seed: int = 0) -> Iterator[list[int]]:
        """Token ids of one document after another; "train" has no end."""
        if split not in SPLITS:
            raise PretrainError(f"there is no split {split!r}; there are {SPLITS}")
        place = SPLITS.index(split)
        key = np.random.SeedSequence(seed if not place else 0, spawn_key=(place,))
        rng = np.random.default_rng(key)
        left = self.size if place else math.inf
        while left > 0:
            left -= 1
            yield self._draw(rng)

    def heldout(
        self, split: str = "validation", n: int | None = None
    ) -> list[Document]:
        """The first n documents (all by default), with their exact surprisals."""
        n = self.size if n is None else n
        if not 0 <= n <= self.size:
            raise PretrainError(
                f"{n} documents were asked for; {split} holds {self.size}"
            )
        rows = [ids for ids, _ in zip(self.stream(split), range(n), strict=False)]
        texts = map(self.tokenizer.decode, rows)
        return [
            Document(tuple(ids), text, "lookup", surprisals=self.surprisals(ids))
            for ids, text in zip(rows, texts, strict=True)
        ]

    def _draw(self, rng: np.random.Generator) -> list[int]:
        first, n = self.tokenizer.special.reserved, self.choices
        mapping = rng.integers(0, n, n)
        animals = rng.integers(0, n, self.pairs)
        colors = mapping[animals]
        wrong = rng.random(self.pairs) < self.noise
        shift = rng.integers(1, n, self.pairs)  # to any of the others
        colors = np.where(wrong, (colors + shift) % n, colors)
        if not self.repeated:
            colors = rng.integers(0, n, self.pairs)
        pairs = np.stack([animals, colors + n], 1) + first  # (pairs,2)
        return pairs.ravel().tolist()

    def predictive(self, tokens_: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """What is known before each color, from the pairs before it.

        Returns:
            shots (pairs,): how often this pair's animal was shown before.
            p (pairs, choices): the exact probability of each color.
        """
        pairs = np.asarray(tokens_).reshape(-1, 2) - self.tokenizer.special.reserved
        n = self.choices
        hit, miss = 1 - self.noise, self.noise / (n - 1)
        counts = np.zeros((n, n))
        shots, p = np.zeros(len(pairs), dtype=int), np.full((len(pairs), n), 1 / n)
        for i, (animal, color) in enumerate(pairs):
            seen = counts[animal]
            shots[i] = seen.sum()
            if self.repeated:
                likelihood = hit**seen * miss ** (shots[i] - seen)  # 0 ** 0 is 1
                posterior = likelihood / likelihood.sum()
                p[i] = miss + (hit - miss) * posterior
            seen[color - n] += 1
        return shots, p

    def surprisals(self, tokens_: Sequence[int]) -> np.ndarray:
        """(len(tokens) + 1,) nats: animals ln n each, colors by Bayes' rule, end 0."""
        _, p = self.predictive(tokens_)
        first = self.tokenizer.special.reserved + self.choices
        colors = np.asarray(tokens_).reshape(-1, 2)[:, 1] - first
        nats = np.full((len(p), 2), math.log(self.choices))
        nats[:, 1] = -np.log(p[np.arange(len(p)), colors])
        return np.append(nats.ravel(), 0.0)
