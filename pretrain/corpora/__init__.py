"""Corpora: where the documents come from.

A corpus is any object that has what `Corpus` lists. Two of them generate documents
from a known distribution, so that the best attainable loss is known too
(`microworld`, `markov`); one is real English that every Python interpreter ships
(`python_docs`); the rest read a file (`files`) or the network (`online`).

Import a corpus from its own module; none is imported here, so that one never pays
for another.
"""

from collections.abc import Iterator
from typing import Protocol

from pretrain.corpora.document import Document
from pretrain.tokens import Tokenizer

SPLITS = ("train", "validation", "test")


class Corpus(Protocol):
    """What training and evaluation ask of a corpus."""

    name: str
    tokenizer: Tokenizer

    def stream(self, split: str, seed: int) -> Iterator[list[int]]:
        """Documents as token ids without `<doc>`.

        "train" never ends: a generated corpus makes fresh documents, a finite one
        runs in epochs, each in a new order drawn from `seed`. The other splits end,
        and their order is fixed whatever the seed.
        """
        ...

    def heldout(
        self, split: str = "validation", n: int | None = None
    ) -> list[Document]:
        """The first `n` documents of a split (all by default), with what is known
        about each."""
        ...


__all__ = ["SPLITS", "Corpus", "Document"]
