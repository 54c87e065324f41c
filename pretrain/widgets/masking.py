"""The masking explorer: which tokens are hidden, what the model sees, what is scored.

    text      The     cat      sat     on    the     mat
    sees      The   ▨ <mask>   sat     on    the   ⇄ door
    scored   −100   ● cat     −100   −100   −100   ● mat

It makes the draws of `objectives.masked.Masked` with a `random.Counter`, so the same
seed masks the same tokens here and in Python; its button copies the Python. The text is
cut into words (or into pieces of four letters, in place of a learned subword tokenizer,
so that whole-word masking has something to keep whole).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import traitlets
from torch import Tensor

from pretrain.batch import Rows
from pretrain.objectives.masked import Masked
from pretrain.random import Counter, Generator, uniform
from pretrain.tokenizer import SPECIALS, Special
from pretrain.widgets.base import Number, Widget, box, label, module, one_of, svg, words

PIECE = 4
"""Letters of a piece; a word of up to five stays whole."""

WORDS = (
    "the a cat dog owl bird sat slept walked looked on under by near mat chair door "
    "river bank house warm cold old grey it she he was is and because"
).split()
"""The vocabulary besides the text's own tokens: where random tokens come from."""

TEXT = "The grey cat sat on the mat by the door, because the floor was cold."


class TextTokenizer:
    """The tokenizer of one text: its words, or pieces of them, and `WORDS`.

    It has what `Masked` asks of a tokenizer: `special`, `vocab_size`, `is_word_start`.
    A piece inside a word is written with ``##`` in front.
    """

    def __init__(self, text: str, in_pieces: bool = False) -> None:
        self.pieces = pieces(text, in_pieces)
        self.tokens = [*SPECIALS, *dict.fromkeys([*WORDS, *self.pieces])]
        self.special, self.vocab_size = Special(), len(self.tokens)
        self.is_word_start = np.array(
            [not token.startswith("##") for token in self.tokens]
        )

    def token(self, token_id: int) -> str:
        """The token as text."""
        return self.tokens[int(token_id)]


def pieces(text: str, in_pieces: bool = False) -> list[str]:
    """Cut a text into words, as `tokens.words` does, or into pieces of words."""
    found = words(text)
    if not in_pieces:
        return found
    cuts = []
    for word in found:
        starts = range(0, len(word), PIECE) if len(word) > PIECE + 1 else (0,)
        parts = [word[i : i + PIECE] for i in starts] if len(starts) > 1 else [word]
        cuts += [parts[0], *(f"##{part}" for part in parts[1:])]
    return cuts


def one_row(text: str, in_pieces: bool = False) -> tuple[Rows, TextTokenizer]:
    """A text as a row that `<doc>` opens and closes, and its tokenizer.

    Raises PretrainError when the text has no token, as `Masked` does.
    """
    tokenizer = TextTokenizer(text, in_pieces)
    ids = {token: i for i, token in enumerate(tokenizer.tokens)}
    doc = tokenizer.special.doc
    row = torch.tensor([[doc, *(ids[piece] for piece in tokenizer.pieces), doc]])
    positions = torch.arange(row.shape[1])[None]
    return Rows(row, torch.zeros_like(row), positions), tokenizer


@dataclass(frozen=True)
class SpanMasked(Masked):
    """Masking of whole spans: the same share of tokens in fewer, longer holes.

    ``round(rate · n)`` tokens in ``round(that / length)`` spans, every way of laying
    them out equally likely (@raffel2020exploring segments a text like this); spans do
    not touch. `exact` and `whole_words` have no effect.

    length: mean length of a span, in tokens, at least 1.
    """

    length: float = 3.0

    def choose(self, tokens: Tensor, tokenizer, generator: Generator) -> Tensor:
        """(B,T) True at the tokens that will be scored."""
        chosen = torch.zeros_like(tokens, dtype=torch.bool)
        ordinary = ~torch.isin(tokens, torch.tensor(tokenizer.special.ids))
        for row, places in enumerate(ordinary):
            index = places.nonzero()[:, 0]
            hidden = self._one_row(len(index), generator)
            chosen[row, index] = torch.tensor(hidden, dtype=torch.bool)
        if not chosen.any():
            return super().choose(tokens, tokenizer, generator)  # says what is wrong
        return chosen

    def _one_row(self, n: int, generator: Generator) -> list[bool]:
        if not n:
            return []
        wanted = min(max(round(self.rate * n), 1), n)
        spans = min(max(round(wanted / self.length), 1), wanted, n - wanted + 1)
        lengths = composition(wanted, spans, generator)
        # One gap more than spans; the first and the last of them may be empty.
        gaps = composition(n - wanted + 2, spans + 1, generator)
        gaps[0], gaps[-1] = gaps[0] - 1, gaps[-1] - 1
        hidden = []
        for gap, length in zip(gaps, [*lengths, 0], strict=True):
            hidden += [False] * gap + [True] * length
        return hidden


def composition(total: int, parts: int, generator: Generator) -> list[int]:
    """`total` as a sum of `parts` positive numbers, each such sum equally likely.

    The cuts are the places that drew the lowest of ``total − 1`` uniform numbers.
    """
    draw = uniform((total - 1,), generator)
    cuts = draw.argsort(stable=True)[: parts - 1].sort().values + 1
    return np.diff([0, *cuts.tolist(), total]).tolist()


def empty_chance(rate: float, units: int) -> float:
    """Chance that independent draws choose none of `units` tokens, or words.

    The package then takes the token that drew lowest, since an empty mask has no mean.
    """
    return (1 - rate) ** units


def expected(rate: float, sizes: Sequence[int], how: str) -> float:
    """Expected number of scored tokens of a text; `sizes` are its words' tokens.

    Independent draws give rate · n, and a word where they would give nothing. An exact
    count is ``round(rate · n)``; whole words can make it a little more.
    """
    n = sum(sizes)
    if how != "independent":
        return float(min(max(round(rate * n), 1), n))
    return rate * n + empty_chance(rate, len(sizes)) * n / len(sizes)


class MaskingExplorer(Widget):
    """Mask a text by hand and by chance.

    text: what is masked. rate: share of the tokens that are chosen. split: shares that
    become ``<mask>``, become a random token, stay. how: "independent", "exact" or
    "spans". in_pieces: cut long words in pieces. whole_words: draw once a word.
    length: mean length of a span. seed: of the draws. by_hand: tokens (from 0) whose
    lot the reader turned over.
    """

    _esm = module("masking")
    heights = (945, 1530)

    text = traitlets.Unicode(TEXT).tag(sync=True)
    rate = Number(0.15, 0.01, 1.0).tag(sync=True)
    split = traitlets.List(traitlets.Float(), [0.8, 0.1, 0.1]).tag(sync=True)
    how = traitlets.Unicode("independent").tag(sync=True)
    in_pieces = traitlets.Bool(False).tag(sync=True)
    whole_words = traitlets.Bool(False).tag(sync=True)
    length = Number(3.0, 1.0, 10.0).tag(sync=True)
    seed = traitlets.Int(1).tag(sync=True)
    by_hand = traitlets.List(traitlets.Int()).tag(sync=True)
    _words = traitlets.List(traitlets.Unicode(), WORDS).tag(sync=True)

    @traitlets.validate("how")
    def _check_how(self, proposal):
        return one_of("how", proposal["value"], ("independent", "exact", "spans"))

    @traitlets.validate("split")
    def _check_split(self, proposal):
        return list(Masked(split=tuple(proposal["value"])).split)

    def objective(self) -> Masked:
        """The objective that the controls describe."""
        split = tuple(self.split)
        if self.how == "spans":
            return SpanMasked(self.rate, split, length=self.length)
        return Masked(self.rate, split, self.how == "exact", self.whole_words)

    def result(self) -> dict:
        """What the widget shows: tokens, inputs, targets (None where −100).

        Raises PretrainError for a text without a token.
        """
        rows, tokenizer = one_row(self.text, self.in_pieces)
        tokens = rows.tokens[:, :-1]
        objective, generator = self.objective(), Counter(self.seed)
        chosen = objective.choose(tokens, tokenizer, generator)
        for i in self.by_hand:
            chosen[0, i + 1] ^= True  # <doc> is at 0
        inputs = objective.corrupt(tokens, chosen, tokenizer, generator)
        shown = [tokenizer.token(i) for i in inputs[0, 1:]]
        scored = chosen[0, 1:].tolist()
        targets = [
            piece if on else None
            for piece, on in zip(tokenizer.pieces, scored, strict=True)
        ]
        return {"tokens": tokenizer.pieces, "inputs": shown, "targets": targets}

    def alt(self) -> str:
        result = self.result() if pieces(self.text) else {"targets": []}
        hidden = [target for target in result["targets"] if target is not None]
        of = len(result["targets"])
        return (
            f"A text of {of} tokens, of which {len(hidden)} are chosen at a rate of "
            f"{self.rate:.0%} and scored: {', '.join(hidden[:12]) or 'none'}."
        )

    def picture(self) -> str:
        parts, x, y = [], 8, 30
        result = self.result() if pieces(self.text) else dict.fromkeys(
            ("tokens", "inputs", "targets"), ()
        )
        rows = zip(*result.values(), strict=True)
        parts.append(label(8, 18, "Masking explorer", font_weight="bold"))
        for token, shown, target in list(rows)[:60]:
            lines = token, shown, "−100" if target is None else f"● {target}"
            width = 8.2 * max(map(len, lines)) + 12
            if x + width > 692:
                x, y = 8, y + 66
            parts.append(box(x, y, width, 60, "paper", stroke="#c9d0d8", rx=4))
            changed = "ink" if shown == token else "corrupted"
            colors = ("ink", changed, "muted" if target is None else "scored")
            for i, (line, color) in enumerate(zip(lines, colors, strict=True)):
                parts.append(label(x + 6, y + 17 + 18 * i, line, color))
            x += width + 5
        y += 84
        parts.append(
            label(8, y, "Lines: the text · what the model sees · what is scored "
                  "(−100: ignored)", "muted")
        )
        return svg(700, y + 12, parts, self.alt())
