"""Segments: a document cut in two, and two documents that can swap their second halves.

    document     s1  s2  s3 | s4                  cut at random between two sentences
    segments     A = s1 s2 s3      B = s4
    a couple     A1 → B1           A2 → B2        two documents
    swapped      A1 → B2           A2 → B1        the same four segments

Each segment of a couple occurs once, whether it is swapped or not. So neither a single
segment nor a length tells a true pair from a false one: only the two together do.

Where the corpus labels its sentences (Microworld) those are used; in other text a
sentence ends after a mark ``. ! ?`` that white space follows, which is wrong after
"Dr." and good enough here.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random

from pretrain.corpora.document import Document
from pretrain.corpora.finite import FiniteCorpus
from pretrain.corpora.microworld import Microworld
from pretrain.errors import EmptyCorpusError, PretrainError
from pretrain.tokenizer import Tokenizer

WAITING = 32
"""Documents of one kind that are kept waiting for a partner, at most."""
PATIENCE = 10_000
"""Documents in a row without one pair, after which a corpus counts as having none."""


@dataclass(frozen=True)
class Segments:
    """Two neighboring stretches of one document, as token ids, and its kind."""

    first: tuple[int, ...]
    second: tuple[int, ...]
    kind: str = ""


def documents(corpus, split: str, seed: int) -> Iterator[Document]:
    """The documents that ``corpus.stream(split, seed)`` gives, with their labels.

    Kinds and sentences come with them where the corpus knows them.
    """
    if split != "train":
        yield from corpus.heldout(split)
    elif isinstance(corpus, Microworld):
        for made in corpus.traces(Random(f"train {seed}")):
            yield corpus.describe(made, scored=False)
    elif isinstance(corpus, FiniteCorpus):
        found, random = corpus.heldout("train"), Random(f"train {seed}")
        while found:
            yield from random.sample(found, len(found))
    else:
        for tokens in corpus.stream(split, seed):
            yield Document(tuple(tokens), corpus.tokenizer.decode(tokens))


def sentences(document: Document, tokenizer: Tokenizer) -> list[tuple[int, ...]]:
    """The document's sentences as token ids; none is empty."""
    if (spans := document.labels.get("sentences")) is not None:
        found = [document.tokens[start:end] for start, end in spans]
    else:
        texts = re.split(r"(?<=[.!?])(?=\s)", document.text)
        found = [tuple(ids) for ids in tokenizer.encode_all(texts)]
    return [sentence for sentence in found if sentence]


def segments(
    corpus,
    split: str,
    seed: int,
    longest: int,
    kinds: Iterable[str] | None = None,
    opening: bool = True,
) -> Iterator[Segments]:
    """One pair of neighboring segments a document, of ``longest`` tokens each at most.

    A segment that is longer loses its far end, so that the two still meet at the cut.
    ``kinds`` keeps documents of these kinds only. Without ``opening`` each document's
    first sentence is passed over. Documents of one sentence are left out.

    Raises EmptyCorpusError when 10,000 documents, or a whole split, have no pair,
    PretrainError when ``longest`` is below 1.
    """
    if longest < 1:
        raise PretrainError(
            f"segments of {longest} tokens: the row must hold two segments of one "
            "token or more and three <doc>, so give a length of 5 or more"
        )
    kinds = None if kinds is None else frozenset(kinds)
    random = Random(f"cuts {split} {seed}")
    barren, any_found = 0, False
    for document in documents(corpus, split, seed):
        parts = []
        if kinds is None or document.kind in kinds:
            parts = sentences(document, corpus.tokenizer)[0 if opening else 1 :]
        if len(parts) < 2:
            barren += 1
            if barren >= PATIENCE:
                break
            continue
        cut, barren, any_found = random.randrange(1, len(parts)), 0, True
        first = tuple(token for part in parts[:cut] for token in part)
        second = tuple(token for part in parts[cut:] for token in part)
        yield Segments(first[-longest:], second[:longest], document.kind)
    if not any_found or barren >= PATIENCE:
        chosen = "" if kinds is None else f" of the kinds {', '.join(sorted(kinds))}"
        raise EmptyCorpusError(
            f"the {split} split of {corpus.name} gives no document{chosen} with two "
            "sentences, so there are no sentence pairs: use other kinds or another text"
        )


def couples(
    found: Iterable[Segments], same_kind: bool
) -> Iterator[tuple[Segments, Segments]]:
    """Two and two documents that differ in both segments, each document once.

    Otherwise a swap would make a true pair of a false one. With ``same_kind`` the two
    are of one kind. A document waits until a partner comes.
    """
    waiting: dict[str, list[Segments]] = {}
    for new in found:
        queue = waiting.setdefault(new.kind if same_kind else "", [])
        for i, old in enumerate(queue):
            if old.first != new.first and old.second != new.second:
                yield queue.pop(i), new
                break
        else:
            queue.append(new)
            del queue[:-WAITING]


def pieces(
    found: Iterable[Segments], rows: int, same_kind: bool, skip: int = 0
) -> Iterator[list[Segments]]:
    """Lists of ``rows`` documents, couples side by side; the first ``skip`` left out.

    Raises PretrainError when ``rows`` is odd: somebody would be without a partner.
    """
    if rows < 2 or rows % 2:
        raise PretrainError(
            f"{rows} sentence pairs a batch: give an even number, since two documents "
            "at a time swap their second segments"
        )
    stream = islice(couples(found, same_kind), skip * rows // 2, None)
    while group := list(islice(stream, rows // 2)):
        yield [one for couple in group for one in couple]
