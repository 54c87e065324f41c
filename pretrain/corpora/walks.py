"""Walks through a house: where does one end? Answered at once, or room by room.

    direct   hall north up north =               attic      the answer
    filler   hall north up north = . .           attic      as many tokens as with steps
    steps    hall north up north = kitchen bath  attic      every room on the way

Every direction leads from each of the eight rooms to another one: a permutation, the
same in all documents, so it is learned in the weights. With the rooms written, each
token takes one entry of a table of 32. Answered at once, all directions have to be
composed in the fixed number of layers of one pass, and in their order. The last token
is the answer in all three forms, so one rule scores them all.

One walk in ten is never trained on, whatever the seed: a hash of it says which.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from pretrain import tokens
from pretrain.corpora import SPLITS
from pretrain.corpora.document import Document
from pretrain.errors import PretrainError

ROOMS = ("hall", "kitchen", "bath", "attic", "cellar", "study", "garden", "garage")
WAYS = ("north", "east", "up", "back")
EQUALS, FILLER = "=", "."
LEADS = np.array(  # LEADS[way, room]: the next room; each row a permutation, drawn once
    [
        [3, 7, 5, 2, 0, 4, 1, 6],
        [1, 4, 6, 7, 2, 3, 5, 0],
        [6, 2, 0, 5, 7, 1, 4, 3],
        [5, 0, 3, 6, 1, 7, 2, 4],
    ]
)
_CHUNK = 1024  # walks drawn at a time; part of what a seed means


@dataclass(frozen=True)
class Walks:
    """A corpus of such walks.

    steps: how many times one goes, 1 or more.
    answer: what is written after the ``=``.
    size: walks of the validation split, and of the test split.
    """

    steps: int = 4
    answer: Literal["direct", "filler", "steps"] = "steps"
    size: int = 500

    def __post_init__(self) -> None:
        if self.steps < 1 or self.answer not in ("direct", "filler", "steps"):
            raise PretrainError(
                f"walks of {self.steps} steps, answered {self.answer!r}: give 1 step "
                "or more, and direct, filler or steps"
            )

    @property
    def name(self) -> str:
        return f"walks-{self.steps}-{self.answer}"

    @cached_property
    def tokenizer(self) -> tokens.Tokenizer:
        return tokens.words([*ROOMS, *WAYS, EQUALS, FILLER], split="blanks")

    @property
    def length(self) -> int:
        """Tokens of a document, the closing ``<doc>`` counted."""
        return self.steps + 4 + (self.steps - 1) * (self.answer != "direct")

    def stream(self, split: str = "train", seed: int = 0) -> Iterator[list[int]]:
        """Token ids of one walk after another; "train" has no end."""
        for walk in self.problems(split, seed):
            yield self.question(walk) + self.reply(walk)

    def heldout(
        self, split: str = "validation", n: int | None = None
    ) -> list[Document]:
        """The first n walks of a split, all by default."""
        n = self.size if n is None else n
        if not 0 <= n <= self.size:
            raise PretrainError(f"{n} walks were asked for; {split} holds {self.size}")
        rows = [ids for ids, _ in zip(self.stream(split), range(n), strict=False)]
        return [Document(tuple(i), self.tokenizer.decode(i), "walk") for i in rows]

    def problems(self, split: str, seed: int = 0) -> Iterator[np.ndarray]:
        """(steps + 1,) the first room, then the ways: to train on, or held out."""
        if split not in SPLITS:
            raise PretrainError(f"there is no split {split!r}; there are {SPLITS}")
        place = SPLITS.index(split)
        key = np.random.SeedSequence(seed if not place else 0, spawn_key=(place,))
        rng, left = np.random.default_rng(key), self.size
        while True:
            walks = rng.integers(0, len(WAYS), (_CHUNK, self.steps + 1))
            walks[:, 0] = rng.integers(0, len(ROOMS), _CHUNK)
            for walk in walks:
                if held_out(walk) != bool(place):
                    continue
                yield walk
                left -= 1
                if place and not left:
                    return

    def question(self, walk: Sequence[int]) -> list[int]:
        """Token ids up to the ``=``."""
        room = self.tokenizer.special.reserved
        way = room + len(ROOMS)
        ways = [way + int(w) for w in walk[1:]]
        return [room + int(walk[0]), *ways, way + len(WAYS)]

    def reply(self, walk: Sequence[int]) -> list[int]:
        """Token ids after the ``=``; the last is the answer."""
        room = self.tokenizer.special.reserved
        rooms = [room + place for place in visited(walk)]
        if self.answer == "steps":
            return rooms
        filler = [room + len(ROOMS) + len(WAYS) + 1] * (self.steps - 1)
        return filler * (self.answer == "filler") + rooms[-1:]


def visited(walk: Sequence[int]) -> list[int]:
    """The rooms of a walk in their order, without the first; the last is its end."""
    place, rooms = int(walk[0]), []
    for way in walk[1:]:
        place = int(LEADS[way, place])
        rooms.append(place)
    return rooms


def held_out(walk: np.ndarray) -> bool:
    """Whether a walk is kept from training: one in ten is."""
    return zlib.crc32(np.asarray(walk, dtype=np.uint8).tobytes()) % 10 == 0
