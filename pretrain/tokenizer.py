"""The special tokens, and the class of all tokenizers.

The special tokens are named here and nowhere else. Their ids are the same in every
tokenizer, present or not, so the first ordinary token always has id 4. They are ids
and never text: the characters "<doc>" in a text are ordinary characters.

`tokens` makes tokenizers, and is the module to import from.
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import tokenizers

from pretrain.errors import PretrainError

# Threads inside `tokenizers` gain little here, and it warns into the page whenever
# a process that has used them forks.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

SPECIALS = ("<pad>", "<doc>", "<mask>", "<unk>")
"""The special tokens; the place in this tuple is the id."""

FORMAT = "pretrain-tokenizer-1"
_CLOSING, _OPENING = frozenset(".,;:!?)]}…%"), frozenset("([{")


@dataclass(frozen=True)
class Special:
    """The ids of the special tokens.

    `<doc>` opens a document and closes the one before it (BOS and EOS in one): it is
    predicted, and never masked. `mask` is None in a tokenizer built with
    `mask=False`; `unk` is None where every text can be written (byte-level BPE).
    """

    pad: int = 0
    doc: int = 1
    mask: int | None = 2
    unk: int | None = 3
    reserved: int = len(SPECIALS)
    """Ordinary tokens have the ids from here up: draw random tokens from these."""
    extras: tuple[str, ...] = ()
    """Names of further special tokens (see `with_extras`), at the vocabulary's end."""
    first_extra: int = 0
    """The id of the first of them; ordinary tokens stay below it."""

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of those that are present."""
        every = (self.pad, self.doc, self.mask, self.unk)
        usual = tuple(i for i in every if i is not None)
        return usual + tuple(self.first_extra + i for i in range(len(self.extras)))

    def extra(self, name: str) -> int:
        """The id of a further special token. Raises `PretrainError` if it is absent."""
        if name not in self.extras:
            raise PretrainError(
                f"This tokenizer has no token {name}: give the corpus to "
                "corpora.extended.WithTokens with the objective's extra_tokens."
            )
        return self.first_extra + self.extras.index(name)


class Tokenizer:
    """A text cut into tokens, and what is known about each token.

    Make one with `words`, `byte_bpe` or `characters`, or read one with
    `Tokenizer.load`. It never changes once it is made.

    Attributes:
        kind: "words", "blanks", "byte-bpe" or "characters".
        name: a name for figures and logs, such as "byte-bpe-2048".
        special: the ids of the special tokens.
        vocab_size: V, the specials included.
        hf: the `tokenizers.Tokenizer` inside, for export. It has no special tokens
            of its own, so that no text can turn into one.
    """

    def __init__(self, hf: tokenizers.Tokenizer, kind: str, mask: bool = True):
        if kind not in ("words", "blanks", "byte-bpe", "characters"):
            raise PretrainError(f"There is no kind of tokenizer called {kind!r}.")
        self.hf, self.kind = hf, kind
        self.special = Special(
            mask=SPECIALS.index("<mask>") if mask else None,
            unk=None if kind == "byte-bpe" else SPECIALS.index("<unk>"),
        )
        self.vocab_size = hf.get_vocab_size()
        self.name = f"{kind}-{self.vocab_size}"

    def __repr__(self) -> str:
        return f"Tokenizer({self.name})"

    def encode(self, text: str) -> list[int]:
        """The ids of `text`, without specials.

        What the vocabulary lacks becomes `<unk>`; byte-level BPE lacks nothing.
        Raises `PretrainError` if `text` is no str or holds half a surrogate pair.
        """
        return self.encode_all([text])[0]

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """`encode` for many texts, in one call, which is faster."""
        texts = [checked(text) for text in texts]
        rows = [row.ids for row in self.hf.encode_batch_fast(texts)]
        if self.special.unk is None:
            return rows
        # A word that spells a special, such as "<doc>", is found in the vocabulary.
        first, unk = self.special.reserved, self.special.unk
        return [[i if i >= first else unk for i in row] for row in rows]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`; specials are left out.

        Byte-level BPE and characters give back exactly what was encoded. Words are
        joined by single blanks, with none before a closing mark or after an opening
        bracket ("blanks": always one). Bytes that are no valid UTF-8, which a model
        can well generate, become U+FFFD.
        """
        first = self.special.reserved
        pieces = [self._pieces[i] for i in map(int, ids) if self._known(i) >= first]
        if self.kind == "blanks":
            return b" ".join(pieces).decode()
        if self.kind == "words":
            return _join([piece.decode() for piece in pieces])
        return b"".join(pieces).decode("utf-8", "replace")

    def token(self, token_id: int) -> str:
        """How one token is shown to a person: blanks as ␣, line ends as ↵.

        A byte that is only a part of a character is shown as \\xe2.
        """
        piece = self._pieces[self._known(int(token_id))]
        text = piece.decode("utf-8", "backslashreplace")
        return text.replace(" ", "␣").replace("\n", "↵").replace("\t", "⇥")

    @cached_property
    def token_bytes(self) -> np.ndarray:
        """(V,) int64: the UTF-8 bytes that each token stands for; specials have 0.

        For byte-level BPE and for characters these add up to the length of the text
        in bytes. For words the blank in front is counted with the word (closing
        marks have none), so a text in the form that `decode` gives counts one byte
        too many, for its first word; "blanks" likewise. Where it matters, count
        the bytes of `Document.text`. `<unk>` hides its word, and so has 0.
        """
        sizes = np.array([len(piece) for piece in self._pieces], dtype=np.int64)
        if self.kind == "blanks":
            sizes += 1
        if self.kind == "words":
            sizes += [piece.decode() not in _CLOSING for piece in self._pieces]
        sizes[: self.special.reserved] = 0
        sizes.setflags(write=False)
        return sizes

    @cached_property
    def is_word_start(self) -> np.ndarray:
        """(V,) bool: does a word begin with this token?

        Words: every token. Byte-level BPE and characters: tokens that begin with
        white space. Specials are True, so that no word runs across one. The first
        token of a document begins a word too, whatever it is: only its place tells.
        """
        if self.kind in ("words", "blanks"):
            starts = np.ones(self.vocab_size, dtype=bool)
        else:
            starts = np.array([piece[:1].isspace() for piece in self._pieces])
            starts[: self.special.reserved] = True
        starts.setflags(write=False)
        return starts

    @property
    def tokens(self) -> list[str]:
        """The V tokens as `token` shows them, in the order of their ids."""
        return [self.token(i) for i in range(self.vocab_size)]

    def save(self, path: str | os.PathLike) -> None:
        """Write everything into one JSON file; `Tokenizer.load` reads it back."""
        try:
            text = json.dumps(self.record(), ensure_ascii=False)
            Path(path).write_text(text, encoding="utf-8")
        except OSError as error:
            raise PretrainError(
                f"The tokenizer cannot be written to {path} ({error.strerror}); "
                "choose a folder that exists and that you may write to."
            ) from error

    def record(self) -> dict:
        """What `save` writes, ready for JSON."""
        return {
            "format": FORMAT,
            "kind": self.kind,
            "mask": self.special.mask is not None,
            "tokenizer": json.loads(self.hf.to_str()),
        }

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Tokenizer":
        """Read what `save` wrote. Raises `PretrainError` for anything else.

        Microworld's tokenizer comes back as what it was, with the names that its
        texts capitalize.
        """
        try:
            record = json.loads(Path(path).read_text(encoding="utf-8"))
            if record["format"] != FORMAT:
                raise KeyError(FORMAT)
            hf = tokenizers.Tokenizer.from_str(json.dumps(record["tokenizer"]))
            if "names" in record:
                base = _stories(hf, record["names"])
            else:
                base = cls(hf, record["kind"], record["mask"])
            return _extended(base, record.get("extras", ()))
        except OSError as error:
            raise PretrainError(
                f"No tokenizer can be read from {path} ({error.strerror}); give the "
                "path of a file that Tokenizer.save wrote."
            ) from error
        except Exception as error:  # from_str raises a bare Exception
            raise PretrainError(
                f"{path} holds no tokenizer of the form {FORMAT}; give the path of a "
                "file that Tokenizer.save wrote."
            ) from error

    @cached_property
    def _pieces(self) -> list[bytes]:
        """The bytes of each token, the specials under their names."""
        first = self.special.reserved
        tokens = [self.hf.id_to_token(i) for i in range(self.vocab_size)]
        if self.kind != "byte-bpe":
            return [token.encode() for token in tokens]
        byte = {char: i for i, char in enumerate(_byte_alphabet())}
        names = [token.encode() for token in tokens[:first]]
        return names + [bytes(byte[char] for char in tok) for tok in tokens[first:]]

    def _known(self, token_id: int) -> int:
        if 0 <= token_id < self.vocab_size:
            return token_id
        raise PretrainError(
            f"There is no token {token_id}: this tokenizer knows the ids 0 to "
            f"{self.vocab_size - 1}."
        )


def _stories(hf: tokenizers.Tokenizer, names: list[str]) -> Tokenizer:
    """The tokenizer of Microworld, which is built on this module."""
    from pretrain.corpora.microworld.corpus import StoryTokenizer

    ids = range(len(SPECIALS), hf.get_vocab_size())
    return StoryTokenizer([hf.id_to_token(i) for i in ids], names)


def _extended(base: Tokenizer, names: Sequence[str]) -> Tokenizer:
    """A tokenizer with its further special tokens, if it has some."""
    from pretrain.extra_tokens import with_extras

    return with_extras(base, names)


def checked(text: str) -> str:
    """`text`, if it is one that can be written to a file."""
    if not isinstance(text, str):
        raise PretrainError(f"A text is a str, not {type(text).__name__}.")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise PretrainError(
                f"The text holds half a surrogate pair at character {error.start}, "
                "which no file can; remove it first."
            ) from error
    return text


def _join(pieces: list[str]) -> str:
    """Words into a line: no blank before a closing mark or after an opening one."""
    line, glue = [], True
    for piece in pieces:
        if not glue and piece not in _CLOSING:
            line.append(" ")
        line.append(piece)
        glue = piece in _OPENING
    return "".join(line)


def _byte_alphabet() -> str:
    """The 256 characters that stand for the bytes 0 to 255 in byte-level BPE.

    GPT-2's table, which `tokenizers` follows: a byte that prints in Latin-1 stands
    for itself, the others take the characters from U+0100 on, in order.
    """
    printed = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return "".join(chr(b if b in printed else next(others)) for b in range(256))
