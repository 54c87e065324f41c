"""Microworld, the corpus: a language whose every probability is known.

`Language` is a distribution over documents: it draws them and knows the exact
log-probability of each. `Microworld` is the corpus that training reads: the language,
its tokenizer, its splits, its labels. Splits are drawn from independent seeds, so
short documents (capitals, sums) recur in all of them; `overlap` counts how many.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from random import Random

import numpy as np

from pretrain.corpora.document import Document
from pretrain.errors import PretrainError
from pretrain.tokens import SPECIALS, Tokenizer, words

from . import exact, text
from .grammar import ALT, Grammar, load
from .sampling import Trace, sample, trace

HELD_OUT = ("finland", "kenya", "peru", "portugal")
SPLIT_SIZE = {"validation": 2000, "test": 2000}
_FIRST = len(SPECIALS)


class StoryTokenizer(Tokenizer):
    """A word tokenizer that reads and writes text the way `text.render` does."""

    def __init__(self, vocabulary: Sequence[str], names: Iterable[str]):
        super().__init__(words(vocabulary, split="blanks").hf, "blanks")
        self.names = frozenset(names)

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """`encode` for many texts."""
        return super().encode_all([" ".join(text.tokenize(t)) for t in texts])

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`, with capitals and marks in place; specials left out."""
        kept = (self.token(i) for i in ids if i >= _FIRST)
        return text.render(list(kept), self.names)

    def record(self) -> dict:
        """What `save` writes: the names too, which `decode` capitalizes."""
        return super().record() | {"names": sorted(self.names)}


class Language:
    """A distribution over documents with exact probabilities.

    Args:
        grammar: the compiled grammar.
        root: the template that a document expands; the whole grammar's by default.
    """

    def __init__(self, grammar: Grammar, root: tuple | None = None):
        self.grammar = grammar
        self.root = grammar.root if root is None else root

    def documents(self, random: Random) -> Iterator[list[int]]:
        """Documents as token ids, without end."""
        draw, root = random.random, self.root
        while True:
            out: list[int] = []
            sample(root, {}, out, draw)
            yield out

    def traces(self, random: Random) -> Iterator[Trace]:
        """The same documents as `documents` from the same state, with labels."""
        while True:
            yield trace(self.grammar, self.root, random.random)

    def log_probability(self, tokens: Sequence[int]) -> float:
        """ln p of the document, <doc> included, in nats.

        It is the probability of the *text*, summed over its derivations. −inf for
        what the language cannot say, unknown tokens and specials among it.
        """
        mass = exact.prefix_masses(self.root, list(tokens))[0][-1]
        return math.log(mass) if mass > 0 else -math.inf

    def surprisals(self, tokens: Sequence[int]) -> np.ndarray:
        """(len(tokens) + 1,) nats: −ln p of each token given those before, and of
        the closing <doc>; no model can do better on average.

        Raises `PretrainError` if the language cannot say it: nothing after the
        first impossible token has a probability.
        """
        masses, found = exact.prefix_masses(self.root, list(tokens))
        if not found:
            at = sum(mass > 0 for mass in masses) - 1
            raise PretrainError(
                f"This document is not in the language: the first {at} of its "
                f"{len(tokens)} tokens can begin a document, and what follows cannot. "
                "log_probability gives −inf for it."
            )
        return -np.diff(np.log(masses))

    def derivations(self, tokens: Sequence[int]) -> int:
        """In how many ways the grammar makes this document (0: not in the language).

        Draws that are not said count too, so a text may have several.
        """
        return exact.prefix_masses(self.root, list(tokens))[1]

    def posterior(self, tokens: Sequence[int | None]) -> list[dict[int, float]]:
        """For each position, token id → its exact probability given all the rest.

        None marks a masked token. The length of the document counts as known.
        Raises `PretrainError` if no document of the language fits.
        """
        mass, tables = exact.posterior(self.root, list(tokens))
        if mass == 0:
            raise PretrainError(
                "No document of the language has these tokens at these places and "
                "this length; mask more of them, with None."
            )
        return tables

    def masked_surprisals(
        self, tokens: Sequence[int], masked_indices: Sequence[int]
    ) -> np.ndarray:
        """(M,) nats: −ln p of each masked token given all that is visible.

        Each is scored on its own, as a masked model is: by its exact `posterior`, with
        all M positions hidden at once and the length known. The closing <doc> is never
        masked, and so has no index here. 100 documents of the validation split take
        33 ms with 15 % of their tokens masked, 65 ms with 30 %; long masked stretches
        take far longer.

        Raises `PretrainError` for an index outside the document, and if the language
        cannot say it.
        """
        at = np.asarray(masked_indices, dtype=np.int64)
        if at.size and not 0 <= at.min() <= at.max() < len(tokens):
            raise PretrainError(
                f"Positions {at.tolist()} cannot all be masked in {len(tokens)} "
                "tokens; give indices from 0 (the closing <doc> is never masked)."
            )
        hidden = frozenset(at.tolist())
        tables = self.posterior(
            [None if i in hidden else token for i, token in enumerate(tokens)]
        )
        found = np.array([tables[i].get(int(tokens[i]), 0.0) for i in at])
        if not found.all():
            raise PretrainError(
                "This document is not in the language: one of its masked tokens has "
                "probability 0 beside the visible ones."
            )
        return -np.log(found)

    def entropy(self, n: int = 2000, seed: int = 0) -> tuple[float, float]:
        """(nats per token, its standard error) by Monte Carlo over n documents.

        Tokens are counted with the closing <doc>. The quotient of two means, its
        error by the delta method.
        """
        source = self.documents(Random(f"entropy {seed}"))
        drawn = [next(source) for _ in range(n)]
        nats = np.array([-self.log_probability(ids) for ids in drawn])
        sizes = np.array([len(ids) + 1 for ids in drawn])
        mean = nats.sum() / sizes.sum()
        residuals = nats - mean * sizes
        return float(mean), float(residuals.std(ddof=1) / sizes.mean() / math.sqrt(n))


class Microworld(Language):
    """The corpus: a generated world of short documents, and all that is known of it.

    Args:
        held_out: countries whose capitals are stated in documents but never asked
            for in chats (`chats(held_out=True)` asks for them).

    Raises:
        PretrainError: for a country that the world does not have, or for holding
            out all of them.
    """

    name = "microworld"

    def __init__(self, held_out: Iterable[str] = HELD_OUT):
        files = load()
        if isinstance(held_out, str):
            raise PretrainError("held_out is a list of names, not one str.")
        self.held_out = tuple(name.lower() for name in held_out)
        rows = next(f for f in files if "country" in f.get("lexicons", {}))
        countries = [row[0] for row in rows["lexicons"]["country"]["rows"]]
        for name in self.held_out:
            if name not in countries:
                raise PretrainError(
                    f"There is no country called {name!r} in this world; hold out "
                    f"some of these: {', '.join(countries)}."
                )
        asked = [name for name in countries if name not in self.held_out]
        if not asked:
            raise PretrainError("Chats have to ask for some country; hold out fewer.")
        super().__init__(Grammar(files, {"asked": asked}))
        self.names = frozenset(
            word for f in files for word in f.get("capitalized", "").split()
        ) | {
            word
            for name in ("person", "catname", "country")
            for entity in self.grammar.lexicons[name].items
            for word in entity.text.split()
        }
        self.names |= {
            self.grammar.word(i)
            for entity in self.grammar.lexicons["country"].items
            for i in entity.say["capital"]
        }
        self.tokenizer = StoryTokenizer(self.grammar.words, self.names)
        self.kinds = tuple(self.grammar.kinds)
        self._heldout: dict[str, list[Document]] = {}

    def __reduce__(self):
        return Microworld, (self.held_out,)  # made anew from its grammar when unpickled

    def stream(self, split: str = "train", seed: int = 0) -> Iterator[list[int]]:
        """Documents as token ids without <doc>. "train" never ends.

        "validation" and "test" are the same 2,000 documents each whatever the seed.
        """
        if split == "train":
            return self.documents(Random(f"train {seed}"))
        documents = self._documents(split, self._size(split), False)
        return (list(document.tokens) for document in documents)

    def heldout(
        self, split: str = "validation", n: int | None = None
    ) -> list[Document]:
        """The first n documents of a split, with labels and ideal surprisals.

        Of "train", the first n (2,000 by default) of the stream with seed 0.
        Labels: see `describe`.
        """
        size = self._size(split)
        if n is not None and not 1 <= n <= (size if split != "train" else n):
            raise PretrainError(f"{split} has {size} documents; n is 1 to {size}.")
        size = size if n is None else n
        if len(self._heldout.get(split, ())) < size:
            self._heldout[split] = list(self._documents(split, size, True))
        return self._heldout[split][:size]

    def _size(self, split: str) -> int:
        if split != "train" and split not in SPLIT_SIZE:
            raise PretrainError(
                f"There is no split called {split!r}; it is train, validation or test."
            )
        return SPLIT_SIZE.get(split, 2000)

    def _documents(self, split: str, n: int, scored: bool) -> Iterator[Document]:
        seed = "train 0" if split == "train" else split
        source = self.traces(Random(seed))
        for _ in range(n):
            yield self.describe(next(source), scored)

    def describe(self, made: Trace, scored: bool = True) -> Document:
        """A `Document` with these labels:

        topic: what it is about, within its kind.
        sentences: (start, end) of each sentence, end exclusive, in tokens.
        entities: `Mention`s, in order: who, where, what, pronouns among them.
        senses: for a document with the word "bank", position → "money" or "river".
        """
        said = [self.grammar.word(i) for i in made.tokens]
        labels = {
            "topic": made.topic,
            "sentences": tuple(text.sentences(said)),
            "entities": tuple(made.mentions),
            "senses": {
                i: made.topic
                for i, word in enumerate(said)
                if word == "bank" and made.kind == "bank"
            },
        }
        return Document(
            tokens=tuple(made.tokens),
            text=text.render(said, self.names),
            kind=made.kind,
            labels=labels,
            surprisals=self.surprisals(made.tokens) if scored else None,
        )

    def chats(self, held_out: bool = False) -> Language:
        """The chats that ask for a capital, as a language of their own.

        Args:
            held_out: ask for the countries held out from training instead. That is
                another distribution, with its own exact probabilities; the tokens
                are the same.
        """
        if held_out and not self.held_out:
            raise PretrainError("No country is held out, so no chat can ask for one.")
        grammar = self.grammar
        if held_out:
            grammar = Grammar(load(), {"asked": self.held_out})
        return Language(grammar, ((ALT, grammar.rules["ask_capital"]),))

    def only(self, kind: str) -> Language:
        """The documents of one kind, as a language of their own."""
        if kind not in self.kinds:
            raise PretrainError(
                f"There is no kind called {kind!r}; there are {', '.join(self.kinds)}."
            )
        return Language(self.grammar, ((ALT, self.grammar.kinds[kind]),))


def overlap(
    corpus: Microworld, first: str = "train", second: str = "validation", n: int = 2000
) -> dict[str, float]:
    """kind → the share of `second`'s documents whose very text is in `first`.

    Both are cut to their first n documents; the more of the training stream is
    compared, the larger the shares of the short kinds.
    """
    seen = {d.tokens for d in corpus._documents(first, n, False)}
    counts: dict[str, list[int]] = {kind: [] for kind in corpus.kinds}
    for document in corpus._documents(second, n, False):
        counts[document.kind].append(document.tokens in seen)
    return {kind: sum(c) / max(len(c), 1) for kind, c in counts.items()}
