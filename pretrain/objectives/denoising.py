"""Denoising: damage a document in any way, and write the original, all of it.

    document   The cat sat . It purred .
    permuted   It purred . The cat sat .
    source     <doc>  It  <mask>  The  <mask>  sat  .       a span of 2, and one of 1
    answer     The  cat  sat  .  It  purred  .  <doc>

The answer is the whole document, unlike span corruption's, so every token is scored and
any damage will do, also damage that leaves no trace of where it is: BART compares five
kinds (@lewis2020bart), which ``corruptions`` draws one by one. They compose, in this
order: sentences permuted, document rotated, tokens deleted, spans infilled, tokens
masked. The default is BART's own choice: sentences permuted and 30 % infilled.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from pretrain.errors import PretrainError
from pretrain.objectives import corruptions
from pretrain.objectives.rewriting import Form, Pair, Rewriting, check_form, check_rate
from pretrain.tokens import Tokenizer


@dataclass(frozen=True)
class Denoising(Rewriting):
    """BART's objective. @lewis2020bart

    infill: share of the tokens in spans that become one ``<mask>`` each; 0 is none.
    mean_span: the mean of the spans' Poisson lengths, 1 to 100; lengths may be 0.
    mask, delete: share of the tokens that become ``<mask>``, or disappear; 0 is none.
    permute: whether the sentences come in a random order.
    rotate: whether the document starts at a random token.
    form: "one-stack" for a Transformer, "encoder-decoder" for an EncoderDecoder.

    A rate is rounded to a number of tokens, and to one at least.
    """

    draws: ClassVar[int] = 7

    infill: float = 0.3
    mean_span: float = 3.0
    mask: float = 0.0
    delete: float = 0.0
    permute: bool = True
    rotate: bool = False
    form: Form = "one-stack"

    def __post_init__(self) -> None:
        for name in ("infill", "mask", "delete"):
            if getattr(self, name) != 0:
                check_rate(getattr(self, name), f"share of tokens to {name}")
        if not 1 <= self.mean_span <= 100:  # NaN is not
            raise PretrainError(
                f"the mean span is {self.mean_span} tokens: give 1 to 100, such as 3"
            )
        check_form(self.form)
        some = self.infill or self.mask or self.delete or self.permute or self.rotate
        if not some:
            raise PretrainError(
                "nothing is damaged, so the answer could be copied from the source: "
                "give a share of tokens to infill, mask or delete, or permute or rotate"
            )

    def rewrite(
        self, tokens: list[int], lots: np.ndarray, closed: bool, tokenizer: Tokenizer
    ) -> Pair:
        """The damaged document; the document, with its ``<doc>`` where it ends here.

        Raises PretrainError when a ``<mask>`` is to be written and there is none.
        """
        special = tokenizer.special
        if special.mask is None and (self.infill or self.mask):
            raise PretrainError(
                "this tokenizer has no <mask> token to write: build it with mask=True, "
                "or only delete, permute or rotate"
            )
        return (
            self.damage(tokens, lots, tokenizer),
            [*tokens, special.doc] if closed else list(tokens),
        )

    def damage(
        self, tokens: list[int], lots: np.ndarray, tokenizer: Tokenizer
    ) -> list[int]:
        """The source of a document (n tokens) and its uniform numbers (n, draws)."""
        blank, found = tokenizer.special.mask, list(tokens)
        if self.permute:
            found = corruptions.permute(found, sentence_ends(tokenizer), lots[:, 0])
        if self.rotate:
            found = corruptions.rotate(found, float(lots[0, 1]))
        if self.delete:
            found = corruptions.delete(found, self.delete, lots[:, 2])
        if self.infill and found:
            own = lots[: len(found), 3:6].T
            found = corruptions.infill(found, self.infill, self.mean_span, own, blank)
        if self.mask:
            words = [i for i, token in enumerate(found) if token != blank]
            hit = corruptions.choose(len(words), self.mask, lots[:, 6])
            for i in np.array(words, dtype=int)[hit]:
                found[i] = blank
        return found


@lru_cache(maxsize=8)
def sentence_ends(tokenizer: Tokenizer) -> np.ndarray:
    """(V,) True at tokens that end a sentence: . ! or ?, perhaps with blanks after."""
    special = set(tokenizer.special.ids)
    return np.array(
        [
            i not in special and text.rstrip("␣↵⇥").endswith((".", "!", "?"))
            for i, text in enumerate(tokenizer.tokens)
        ]
    )
