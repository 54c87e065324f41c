"""Guess the next letter: Shannon's game, played by the reader beside a trained model.

    t h e   o w l   s l e ▢        guess "p"? yes: rank 1
    1 1 1 1 9 2 1 1 4 1 1          the reader's ranks, one a letter
    2 1 1 1 7 1 1 1 3 2 1          the model's, on the same letters

Both play by the same rules: guess until the letter is right; the number of guesses is
its rank. The shares of the ranks bound the entropy of a letter (@shannon1951prediction;
`early.shannon.bounds`). Where the reader has the rest guessed, the letters not yet
tried follow in the order of `ORDER`, which is a guesser's rule too, so the upper bound
still holds.

The model is an n-gram of letters with Kneser–Ney smoothing. It was counted on other
documents of the text's own corpus; any other ranks can be given.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice

import traitlets

from pretrain import tokens
from pretrain.corpora.microworld import Microworld
from pretrain.early.ngram import KneserNey, count, kneser_ney
from pretrain.early.shannon import ALPHABET, Bounds, bounds, fold, guess_ranks
from pretrain.errors import PretrainError
from pretrain.widgets.base import Widget, label, module, svg

ORDER = " etaoinshrdlcumwfgypbvkjxqz"
"""The 27 letters by their frequency in English, the blank first."""

REST = "?"
"""The key that has the rest guessed in that order."""

LETTERS = 120
"""The most letters of a text in the game."""


def letter_model(texts: Iterable[str], order: int = 6) -> KneserNey:
    """A Kneser–Ney n-gram of Shannon's 27 letters, counted on folded texts."""
    alphabet = letters()
    return kneser_ney(count((alphabet.encode(text) for text in texts), alphabet, order))


@lru_cache
def letters() -> tokens.Tokenizer:
    """The tokenizer of the 27 letters."""
    return tokens.characters([ALPHABET], mask=False)


def examples(
    corpus, texts: int = 2, counted: int = 120_000
) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    """Held-out texts of a corpus in 27 letters, and a letter model's ranks on them.

    The model is counted on training documents until they have ``counted`` letters.
    Texts are the openings of the first documents that have enough letters.
    """
    training, read = [], 0
    for ids in corpus.stream("train", 0):
        text = fold(corpus.tokenizer.decode(ids))
        training.append(text)
        read += len(text) + 1
        if read >= counted:
            break
    model = letter_model(training)
    streamed = islice(corpus.stream("validation", 0), 50)
    held_out = (fold(corpus.tokenizer.decode(ids)) for ids in streamed)
    found = [opening(text) for text in held_out if len(text) >= LETTERS // 2][:texts]
    if len(found) < texts:
        raise PretrainError(
            f"{corpus.name} has {len(found)} held-out texts of {LETTERS // 2} letters "
            f"among its first 50, and {texts} were asked for"
        )
    ranks = [tuple(guess_ranks(model, letters(), text)) for text in found]
    return tuple(found), tuple(ranks)


def opening(text: str) -> str:
    """The whole words of a text's first ``LETTERS`` letters."""
    return text if len(text) <= LETTERS else text[: LETTERS + 1].rsplit(" ", 1)[0]


@lru_cache
def _microworld():
    return examples(Microworld())


def play(text: str, guesses: str) -> tuple[list[int], str]:
    """The ranks that a reader's guesses gave, and the letters tried at the next place.

    A letter that was tried before at the same place is no guess, and nothing counts
    after the end of the text.
    """
    ranks, tried = [], ""
    for key in guesses:
        if len(ranks) == len(text):
            break
        correct = text[len(ranks)]
        for guess in ORDER if key == REST else key:
            if guess in tried:
                continue
            tried += guess
            if guess == correct:
                ranks.append(len(tried))
                tried = ""
                break
    return ranks, tried


class GuessNextLetter(Widget):
    """Shannon's guessing game on a few texts, beside a model that played it before.

    texts: what is guessed; they are folded to Shannon's 27 letters. By default two
        held-out documents of Microworld.
    ranks: a model's ranks on each of them, one a letter; by default those of a letter
        n-gram counted on Microworld, which fit no other texts.
    text: which one is played, from 0. guesses: the reader's guesses in their order:
        letters, the blank, and "?" where the rest was guessed in the order of ORDER.
    """

    _esm = module("guessing")
    heights = (770, 1040)

    texts = traitlets.List(traitlets.Unicode()).tag(sync=True)
    ranks = traitlets.List(traitlets.List(traitlets.Int())).tag(sync=True)
    text = traitlets.Int(0).tag(sync=True)
    guesses = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        texts: Sequence[str] | None = None,
        ranks: Sequence[Sequence[int]] | None = None,
        **settings,
    ) -> None:
        if (texts is None) != (ranks is None):
            raise PretrainError("texts and ranks belong together: give both or neither")
        if texts is None:
            texts, ranks = _microworld()
        texts = [fold(text) for text in texts]
        ranks = [list(each) for each in ranks]
        _check(texts, ranks)
        super().__init__(texts=texts, ranks=ranks, **settings)

    @classmethod
    def of(cls, *corpora, **settings):
        """The game on held-out texts of corpora, beside a letter model of each."""
        made = [examples(corpus) for corpus in corpora]
        texts = [text for found, _ in made for text in found]
        return cls(texts, [ranks for _, found in made for ranks in found], **settings)

    @traitlets.validate("text")
    def _check_text(self, proposal):
        if not 0 <= proposal["value"] < len(self.texts):
            raise PretrainError(
                f"there is no text {proposal['value']}: give 0 to "
                f"{len(self.texts) - 1}"
            )
        return proposal["value"]

    @traitlets.validate("guesses")
    def _check_guesses(self, proposal):
        wrong = sorted(set(proposal["value"]) - set(ALPHABET + REST))
        if wrong:
            raise PretrainError(
                f"guesses hold {wrong[0]!r}: give letters a to z, the blank, and ?"
            )
        return proposal["value"]

    def result(self) -> dict:
        """What the widget shows: ranks and bounds (bits) of the reader and the model.

        Both over the letters that the reader has guessed; None before the first.
        """
        ranks, tried = play(self.texts[self.text], self.guesses)
        both = {"reader": ranks, "model": self.ranks[self.text][: len(ranks)]}
        found: dict = {"ranks": ranks, "tried": tried}
        for who, each in both.items():
            found[who] = _told(bounds(each)) if each else None
        return found

    def alt(self) -> str:
        text, ranks = self.texts[self.text], self.ranks[self.text]
        found = bounds(ranks)
        return (
            f"A guessing game on a text of {len(text)} letters. A model that guessed "
            f"all of them had {ranks.count(1) / len(ranks):.0%} right at once, which "
            f"bounds its entropy from {found.lower:.2f} to {found.upper:.2f} bits per "
            "letter."
        )

    def picture(self) -> str:
        text, ranks = self.texts[self.text], self.ranks[self.text]
        parts = [label(8, 18, "Guess the next letter", font_weight="bold")]
        parts.append(label(8, 38, "Below each letter: the model's guesses.", "muted"))
        for i, (letter, rank) in enumerate(zip(text, ranks, strict=True)):
            x, y = 16 + 20 * (i % 30), 66 + 46 * (i // 30)
            parts.append(label(x, y, letter.replace(" ", "␣"), anchor="middle"))
            color = "muted" if rank == 1 else "masked"
            parts.append(label(x, y + 18, str(rank), color, anchor="middle"))
        return svg(616, 100 + 46 * ((len(text) - 1) // 30), parts, self.alt())


def _told(found: Bounds) -> dict:
    return {"lower": found.lower, "upper": found.upper, "bias": found.bias}


def _check(texts: list[str], ranks: list[list[int]]) -> None:
    if not texts or not all(texts) or max(map(len, texts)) > LETTERS:
        raise PretrainError(
            f"each text must have 1 to {LETTERS} of the letters a to z and the blank"
        )
    if [len(text) for text in texts] != [len(each) for each in ranks]:
        raise PretrainError(
            f"the texts have {[len(text) for text in texts]} letters and "
            f"{[len(each) for each in ranks]} ranks: give one a letter"
        )
    if not all(1 <= rank <= len(ALPHABET) for each in ranks for rank in each):
        raise PretrainError(f"ranks go from 1 to {len(ALPHABET)}, one for each letter")
