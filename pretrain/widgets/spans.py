"""The span-corruption workbench: a document, its input and target, and the way back.

    document   The   cat   sat    on   the   mat    .
    noise       ·     ×     ×     ·     ·     ×     ·
    input      The  <extra_0>   on   the  <extra_1>   .
    target     <extra_0>  cat  sat  <extra_1>  mat  <extra_2>

All of it is `objectives.span`: the draws of `SpanCorruption` with a `random.Counter`,
and `restore` for the way back. The reader may edit the answer, as a model would write
it, and see what document it makes.
"""

import re

import torch
import traitlets

from pretrain.batch import Rows
from pretrain.errors import PretrainError
from pretrain.losses import IGNORE
from pretrain.objectives.span import (
    SpanCorruption,
    counts,
    lengths,
    noise_mask,
    restore,
)
from pretrain.random import Counter
from pretrain.tokens import Tokenizer, with_extras
from pretrain.tokens import words as word_tokenizer
from pretrain.widgets.base import Number, Widget, box, label, module, svg, words

SENTINELS = 100
"""As many as T5 has."""
INPUTS = 512
"""Positions of T5's encoder."""
TEXT = (
    "In spring the river rises and the old mill by the bridge begins to turn again, "
    "as it has for two hundred years."
)
_SENTINEL = re.compile(r"(<extra_(?:0|[1-9][0-9]?)>)")


def read(answer: str) -> list[str]:
    """An answer's tokens: sentinels by name, and words."""
    parts = _SENTINEL.split(answer)
    found = []
    for i, part in enumerate(parts):
        found += [part] if i % 2 else words(part)
    return found


class SpanWorkbench(Widget):
    """Corrupt spans of a text and put them back.

    text: the document. rate: share of its tokens that are noise. mean_span: tokens of a
    span on average. seed: of the draws. answer: what is written in place of the target,
    words and sentinels; None is the target itself.
    """

    _esm = module("spans")
    heights = (1160, 1900)

    text = traitlets.Unicode(TEXT).tag(sync=True)
    rate = Number(0.3, 0.01, 0.95).tag(sync=True)
    mean_span = Number(3.0, 1.0, 10.0).tag(sync=True)
    seed = traitlets.Int(1).tag(sync=True)
    answer = traitlets.Unicode(None, allow_none=True).tag(sync=True)

    def objective(self) -> SpanCorruption:
        """The objective that the controls describe."""
        return SpanCorruption(self.rate, self.mean_span, SENTINELS)

    def result(self) -> dict:
        """What the widget shows: tokens, noise, input, target and what is restored.

        "restored" is None where the answer does not fit the input. "fits": the longest
        document whose input fits 512 positions, and its target's length. Raises
        PretrainError for a text of fewer than two tokens, or more than 99 spans.
        """
        tokens, written = words(self.text), read(self.answer or "")
        noise, spans = counts(len(tokens), self.rate, self.mean_span)
        plain = [token for token in written if not _SENTINEL.fullmatch(token)]
        objective = self.objective()
        tokenizer = with_extras(
            word_tokenizer([self.text, " ".join(plain)]), objective.extra_tokens
        )
        ids = tokenizer.encode(self.text)
        source, target = pair(ids, objective, tokenizer, self.seed)
        answer = target
        if self.answer is not None:
            special = tokenizer.special
            answer = [
                special.extra(token)
                if _SENTINEL.fullmatch(token)
                else tokenizer.encode(token)[0]
                for token in written
            ]
        try:
            restored = restore(source, answer, tokenizer.special)
        except PretrainError:
            restored = None

        def names(ids):
            return None if ids is None else [tokenizer.token(i) for i in ids]

        lots = Counter(self.seed).uniform(len(tokens) + 1)[1:]  # the first is <doc>'s
        mask = noise_mask(len(tokens), self.rate, self.mean_span, lots)
        return {
            "tokens": tokens,
            "noise": mask.tolist(),
            "spans": spans,
            "source": names(source),
            "target": names(target),
            "restored": names(restored),
            "fits": list(lengths(INPUTS, self.rate, self.mean_span)),
        }

    def alt(self) -> str:
        try:
            result = self.result()
        except PretrainError as error:
            return f"A document that cannot be corrupted: {error}."
        return (
            f"A document of {len(result['tokens'])} tokens, of which "
            f"{sum(result['noise'])} are noise in {result['spans']} spans; the target "
            f"is {' '.join(result['target'][:40])}"
        )

    def picture(self) -> str:
        parts = [label(8, 18, "Span corruption", font_weight="bold")]
        try:
            result = self.result()
        except PretrainError:
            parts.append(label(8, 44, "Give a text of two tokens or more.", "muted"))
            return svg(700, 60, parts, self.alt())
        y = 44
        for name, tokens in (
            ("document", result["tokens"]),
            ("input", result["source"]),
            ("target", result["target"]),
        ):
            parts.append(label(8, y, name, "muted"))
            x, y = 8, y + 8
            for i, token in enumerate(tokens[:80]):
                text = token[:24]
                width = 8.2 * len(text) + 10
                if x + width > 692:
                    x, y = 8, y + 28
                marked = _SENTINEL.fullmatch(token) or (
                    name == "document" and result["noise"][i]
                )
                color = "span" if marked else "ink"
                parts.append(box(x, y, width, 24, "paper", stroke="#c9d0d8", rx=4))
                parts.append(label(x + 5, y + 16, text, color))
                x += width + 4
            y += 48
        return svg(700, y - 8, parts, self.alt())


def pair(
    ids: list[int], objective: SpanCorruption, tokenizer: Tokenizer, seed: int
) -> tuple[list[int], list[int]]:
    """Input and target of a document, read off the objective's own batch."""
    doc = tokenizer.special.doc
    row = torch.tensor([[doc, *ids, doc]])
    documents = torch.zeros_like(row)
    documents[:, -1] = 1  # the closing <doc> opens another
    rows = Rows(row, documents, torch.arange(row.shape[1])[None])
    batch = objective(rows, tokenizer, Counter(seed))
    targets = batch.targets[0]
    read = int((targets == IGNORE).sum())  # <doc> and the source
    return batch.inputs[0, 1:read].tolist(), targets[targets != IGNORE].tolist()
