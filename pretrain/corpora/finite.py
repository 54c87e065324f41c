"""A corpus that is a fixed collection of texts: split, tokenized, streamed in epochs.

What `python_docs`, `files` and `online` have in common. They bring the texts; this
file cuts them into training, validation and test, learns a vocabulary on the training
texts alone, and hands the documents out.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pretrain import tokens
from pretrain.corpora import SPLITS
from pretrain.corpora.document import Document
from pretrain.errors import EmptyCorpusError, PretrainError
from pretrain.tokens import Tokenizer

SHARES = (0.9, 0.05, 0.05)
"""The usual shares of train, validation and test."""


@dataclass(frozen=True)
class Text:
    """A document before it is tokenized; see `Document` for the fields."""

    text: str
    kind: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


class FiniteCorpus:
    """Texts in three splits, behind the interface of `Corpus`.

    Args:
        name: the corpus's name.
        splits: the texts of each split. A split may be empty, but not "train".
        tokenizer: one that is ready, or the kind to make: "byte-bpe", "words" or
            "characters", whose vocabulary then comes from the training texts.
        vocab_size: V for "byte-bpe", the most for "words".
        mask: whether a tokenizer that is made here has a `<mask>` token.
        source: what the texts are, in a few words, for `description`.

    Raises:
        EmptyCorpusError: if there is no training text.
        PretrainError: if there is no such kind of tokenizer, or V is too small.
    """

    def __init__(
        self,
        name: str,
        splits: Mapping[str, Sequence[Text]],
        tokenizer: Tokenizer | str = "byte-bpe",
        *,
        vocab_size: int = 2048,
        mask: bool = True,
        source: str = "",
    ):
        train = [text.text for text in splits.get("train", ())]
        if not any(train):
            raise EmptyCorpusError(
                f"The corpus {name} has no training text; give it at least one "
                "document."
            )
        if isinstance(tokenizer, str):
            tokenizer = _make(tokenizer, train, vocab_size, mask)
        self.name, self.tokenizer, self._source = name, tokenizer, source or name
        self._splits = {
            split: _tokenize(splits.get(split, ()), tokenizer) for split in SPLITS
        }

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name}, {self.tokenizer.name})"

    def stream(self, split: str, seed: int = 0) -> Iterator[list[int]]:
        """Token ids of one document after another; see `Corpus.stream`.

        "train" repeats in epochs, each in an order of its own drawn from `seed`.
        """
        documents = self._split(split)
        if split != "train":
            yield from (list(document.tokens) for document in documents)
            return
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
        while True:
            for i in rng.permutation(len(documents)):
                yield list(documents[i].tokens)

    def heldout(
        self, split: str = "validation", n: int | None = None
    ) -> list[Document]:
        """The first `n` documents of a split, or all of them.

        Raises `PretrainError` if the split holds fewer than `n`.
        """
        documents = self._split(split)
        if n is not None and not 0 <= n <= len(documents):
            raise PretrainError(
                f"{n} documents of {split} were asked for; {self.name} holds "
                f"{len(documents)} there."
            )
        return documents[:n]

    def sizes(self, split: str) -> dict[str, int]:
        """How many documents, tokens and UTF-8 bytes a split holds."""
        documents = self._splits[split]
        return {
            "documents": len(documents),
            "tokens": sum(len(document.tokens) for document in documents),
            "bytes": sum(document.bytes for document in documents),
        }

    @property
    def sha256(self) -> str:
        """SHA-256 of all texts in order: two corpora that agree here are the same."""
        digest = hashlib.sha256()
        for split in SPLITS:
            for document in self._splits[split]:
                digest.update(document.text.encode() + b"\0")
        return digest.hexdigest()

    @property
    def description(self) -> str:
        """What this corpus is, its size, and its checksum, in one sentence."""
        sizes = [self.sizes(split) for split in SPLITS]
        count, size, length = (
            sum(s[what] for s in sizes) for what in ("documents", "bytes", "tokens")
        )
        return (
            f"{self._source}: {count:,} documents, {size:,} bytes, {length:,} tokens "
            f"({self.tokenizer.name}, {size / max(length, 1):.2f} bytes a token), "
            f"{' / '.join(format(s['documents'], ',') for s in sizes)} documents in "
            f"train / validation / test, sha256 {self.sha256[:12]}"
        )

    def _split(self, split: str) -> list[Document]:
        if split not in SPLITS:
            raise PretrainError(f"There is no split {split!r}; there are {SPLITS}.")
        if not self._splits[split]:
            raise EmptyCorpusError(
                f"The split {split} of {self.name} is empty; take another split, or "
                "a larger corpus."
            )
        return self._splits[split]


def split_by_hash(
    texts: Sequence[Text], shares: Sequence[float] = SHARES
) -> dict[str, list[Text]]:
    """Each text into a split that depends on its words alone.

    So a text stays where it is when others come and go, and the same words, however
    they are spaced or capitalized, are never in two splits.
    """
    edges = np.cumsum(_checked_shares(shares))
    splits: dict[str, list[Text]] = {split: [] for split in SPLITS}
    for text in texts:
        words = " ".join(text.text.lower().split())
        digest = hashlib.sha256(words.encode()).digest()
        place = int.from_bytes(digest[:6], "big") / 2**48
        splits[SPLITS[int((place >= edges[:2]).sum())]].append(text)
    return splits


def split_in_order(
    texts: Sequence[Text], shares: Sequence[float] = SHARES
) -> dict[str, list[Text]]:
    """The first texts to train, the next to validation, the last to test.

    A text goes where its middle falls, counted in characters.
    """
    edges = np.cumsum(_checked_shares(shares))
    total = sum(len(text.text) for text in texts)
    splits: dict[str, list[Text]] = {split: [] for split in SPLITS}
    before = 0
    for text in texts:
        place = (before + len(text.text) / 2) / total
        before += len(text.text)
        splits[SPLITS[int((place >= edges[:2]).sum())]].append(text)
    return splits


def _checked_shares(shares: Sequence[float]) -> Sequence[float]:
    if len(shares) != 3 or min(shares) < 0 or abs(sum(shares) - 1) > 1e-9:
        raise PretrainError(
            f"The shares {tuple(shares)} of train, validation and test must be three "
            "numbers from 0 on that add up to 1."
        )
    return shares


def _make(kind: str, train: list[str], vocab_size: int, mask: bool) -> Tokenizer:
    if kind == "byte-bpe":
        return tokens.byte_bpe(train, vocab_size, mask=mask)
    if kind == "words":
        return tokens.words(train, max_size=vocab_size, mask=mask)
    if kind == "characters":
        return tokens.characters(train, mask=mask)
    raise PretrainError(
        f'tokenizer is a Tokenizer, "byte-bpe", "words" or "characters", not {kind!r}.'
    )


def _tokenize(texts: Sequence[Text], tokenizer: Tokenizer) -> list[Document]:
    rows = tokenizer.encode_all([text.text for text in texts])
    return [
        Document(tuple(row), text.text, text.kind, text.labels)
        for text, row in zip(texts, rows, strict=True)
    ]
