"""One loss in all its units, for two models that cut the same text differently.

    loss (nats / token) ─÷ ln 2──> bits / token ─× tokens / byte──> bits / byte
                        ─exp────> perplexity (per token)

Model A and model B read the same text with tokens of different lengths. Who has the
longer tokens has fewer of them and pays more for each, so the higher perplexity can be
the better model: only bits per byte, or any other rate over what both were given, are
to be compared. All numbers come from `evaluation.information`.
"""

import traitlets

from pretrain.errors import PretrainError
from pretrain.evaluation.information import Counts, Rates, word_perplexity
from pretrain.widgets.base import Widget, box, label, module, one_of, svg, words
from pretrain.widgets.masking import pieces

TEXT = (
    "The comfortable café beside the river was unexpectedly warm, so everybody "
    "stayed all afternoon."
)
MOST = 12.0
"""Nats per token run from 0 to MOST on the sliders."""

TOKENIZERS = {
    "bytes": lambda text: len(text.encode("utf-8")),
    "characters": len,
    "pieces": lambda text: len(pieces(text, in_pieces=True)),
    "words": lambda text: len(words(text)),
}
"""Name → number of tokens of a text. Pieces have up to four letters; blanks are no
tokens of their own where tokens are pieces or words, as in most tokenizers."""


class Units(Widget):
    """Two losses on one text, in nats, bits and perplexity, per token, byte and word.

    text: what both models read. tokens: how A and B cut it: "bytes", "characters",
    "pieces" or "words". losses: nats per token of A and B, 0 to 12.
    """

    _esm = module("units")
    heights = (770, 1170)

    text = traitlets.Unicode(TEXT).tag(sync=True)
    tokens = traitlets.List(traitlets.Unicode(), ["pieces", "words"]).tag(sync=True)
    losses = traitlets.List(traitlets.Float(), [2.5, 3.5]).tag(sync=True)

    @traitlets.validate("tokens")
    def _check_tokens(self, proposal):
        names = proposal["value"]
        if len(names) != 2:
            raise PretrainError(f"{len(names)} ways to cut: give one for A, one for B")
        return [one_of("tokens", name, TOKENIZERS) for name in names]

    @traitlets.validate("losses")
    def _check_losses(self, proposal):
        values = proposal["value"]
        if len(values) != 2 or not all(0 <= value <= MOST for value in values):
            raise PretrainError(
                f"the losses {values} must be two, in nats per token, from 0 to "
                f"{MOST:g}"
            )
        return values

    def rates(self) -> list[Rates]:
        """The total nats of A and of B over the counts of the text."""
        found = []
        for name, loss in zip(self.tokens, self.losses, strict=True):
            size = len(self.text.encode("utf-8"))
            n = TOKENIZERS[name](self.text)
            counts = Counts(n, len(self.text), size, closing=False)
            found.append(Rates(loss * n, counts))
        return found

    def result(self) -> dict:
        """What the widget shows of A and B, and the loss at which B would equal A.

        Raises EmptyLossError for a text without a word: it has no rate per word.
        """
        both = self.rates()
        models = [
            {
                "tokens": rates.counts.tokens,
                "tokens_per_byte": rates.counts.tokens_per_byte,
                "nats_per_token": rates.nats_per_token,
                "bits_per_token": rates.bits_per_token,
                "perplexity": rates.perplexity,
                "bits_per_character": rates.bits_per_character,
                "bits_per_byte": rates.bits_per_byte,
                "word_perplexity": word_perplexity(rates.nats, len(words(self.text))),
            }
            for rates in both
        ]
        return {
            "bytes": both[0].counts.bytes,
            "characters": both[0].counts.characters,
            "words": len(words(self.text)),
            "models": models,
            "equal": both[0].nats / both[1].counts.tokens,
        }

    def alt(self) -> str:
        if not words(self.text):
            return "A text without a word has no perplexity and no bits per byte."
        told = [
            f"model {letter} with {name} as tokens has perplexity "
            f"{model['perplexity']:.1f} and {model['bits_per_byte']:.2f} bits per byte"
            for letter, name, model in zip(
                "AB", self.tokens, self.result()["models"], strict=True
            )
        ]
        return f"On the same text {' and '.join(told)}."

    def picture(self) -> str:
        parts = [label(8, 18, "One loss in all its units", font_weight="bold")]
        if not words(self.text):
            parts.append(label(8, 44, "There is no word in the text.", "muted"))
            return svg(520, 60, parts, self.alt())
        columns = (60, 150, 250, 330)
        for x, name in zip(
            columns, ("tokens", "perplexity", "nats", "bits per byte"), strict=True
        ):
            parts.append(label(x, 44, name, "muted"))
        for i, model in enumerate(self.result()["models"]):
            y, value = 70 + 28 * i, model["bits_per_byte"]
            cells = (
                self.tokens[i],
                f"{model['perplexity']:.1f}",
                f"{model['nats_per_token']:.2f}",
            )
            parts.append(label(8, y, "AB"[i], font_weight="bold"))
            parts += [label(x, y, c) for x, c in zip(columns, cells, strict=False)]
            length = 15 * min(value, 8.0)
            parts.append(box(330, y - 14, length, 18, ("causal", "masked")[i]))
            parts.append(label(336 + length, y, f"{value:.3f}"))
        nats = "Per byte both are told in the same unit; per token they are not."
        parts.append(label(8, 132, nats, "muted"))
        return svg(520, 146, parts, self.alt())
