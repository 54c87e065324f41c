"""Further special tokens for a tokenizer that exists: sentinels, modes, roles.

    ids     0 … 3        4 … V−1            V …
    tokens  <pad> …      ordinary tokens    <extra_0>  <extra_1>  …

They are added at the end of the vocabulary, so that no id changes, and they are never
text: the characters "<extra_0>" in a text stay ordinary characters.
`tokens.with_extras` is the same function.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from pretrain.errors import PretrainError
from pretrain.tokenizer import SPECIALS, Tokenizer


class Extended(Tokenizer):
    """A tokenizer with further special tokens at its end; see `with_extras`.

    Everything that concerns text is left to the tokenizer inside, so that no text
    turns into one of the new tokens. `hf` does not know them either.
    """

    def __init__(self, base: Tokenizer, names: Sequence[str]):
        self.base, self.hf, self.kind = base, base.hf, base.kind
        self.special = replace(
            base.special,
            extras=base.special.extras + tuple(names),
            first_extra=base.special.first_extra or base.vocab_size,
        )
        self.vocab_size = base.vocab_size + len(names)
        self.name = f"{base.name}+{len(names)}"

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """`encode` for many texts."""
        return self.base.encode_all(texts)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`; specials, the further ones among them, are left out."""
        known = map(self._known, map(int, ids))
        return self.base.decode(i for i in known if i < self.base.vocab_size)

    @cached_property
    def token_bytes(self) -> np.ndarray:
        """(V,) int64: as the tokenizer inside has them; the further specials have 0."""
        return self._longer(self.base.token_bytes, 0)

    @cached_property
    def is_word_start(self) -> np.ndarray:
        """(V,) bool: as the tokenizer inside has them; specials are True."""
        return self._longer(self.base.is_word_start, True)

    def record(self) -> dict:
        """What `save` writes, ready for JSON."""
        return self.base.record() | {"extras": list(self.special.extras)}

    def _longer(self, values: np.ndarray, fill) -> np.ndarray:
        more = np.full(self.vocab_size - len(values), fill, dtype=values.dtype)
        longer = np.concatenate([values, more])
        longer.setflags(write=False)
        return longer

    @cached_property
    def _pieces(self) -> list[bytes]:
        names = self.special.extras[-(self.vocab_size - self.base.vocab_size) :]
        return self.base._pieces + [name.encode() for name in names]


def with_extras(tokenizer: Tokenizer, names: Iterable[str]) -> Tokenizer:
    """The same tokenizer with further special tokens, such as `<extra_0>`.

    They come after all others, so that no id changes. Names that it has already are
    not added again; with nothing to add, the tokenizer itself comes back. Raises
    `PretrainError` for a name that is not a unique `<name>`.
    """
    names = list(names)
    for name in names:
        good = isinstance(name, str) and len(name) > 2 and name[0] + name[-1] == "<>"
        if not good or name in SPECIALS or names.count(name) > 1:
            raise PretrainError(
                f"{name!r} cannot be a further special token: give names that differ, "
                "in angle brackets, such as <extra_0>."
            )
    new = [name for name in names if name not in tokenizer.special.extras]
    return Extended(tokenizer, new) if new else tokenizer
