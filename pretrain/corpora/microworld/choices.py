"""What can be drawn: entities, and weighted choices among them or among templates."""

from collections.abc import Iterable
from dataclasses import dataclass

from pretrain.errors import PretrainError


@dataclass(frozen=True, eq=False, slots=True)
class Entity:
    """Something that a slot can be filled with: a person, a place, a number.

    Attributes:
        text: what it is called, as words.
        lexicon: the name of the lexicon it is from.
        role: "who", "where", "what" or "".
        number: its value, if it is a number.
        say: attribute → token ids; the entity's own words are under "".
        expand: attribute → the `Choice` of templates it holds.
        inner: attribute → the lexicon it holds, a `Choice` of entities.
    """

    text: str
    lexicon: str
    role: str
    number: int | None
    say: dict[str, tuple[int, ...]]
    expand: dict[str, "Choice"]
    inner: dict[str, "Choice"]


class Choice:
    """Items and their weights: what a draw draws from.

    Attributes:
        items, weights, total: the distribution, in integers.
        table, size: each item as often as it weighs, for drawing in one step.
        first: for entities, first token → [(item, weight)]; for templates, for each
            the set of tokens it can begin with, or None if that is not known.
    """

    __slots__ = ("items", "weights", "total", "table", "size", "first")

    def __init__(self, items: Iterable, weights: Iterable[int]):
        self.items, self.weights = tuple(items), tuple(weights)
        self.table = [
            item
            for item, weight in zip(self.items, self.weights, strict=True)
            for _ in range(weight)
        ]
        self.size = self.total = len(self.table)
        if not self.table or min(self.weights) < 1:
            raise PretrainError("A choice needs items, each of weight 1 or more.")
        self.first = None
