"""Any text file as a corpus."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from pretrain.corpora.finite import (
    SHARES,
    FiniteCorpus,
    Text,
    split_by_hash,
    split_in_order,
)
from pretrain.errors import EmptyCorpusError, PretrainError
from pretrain.tokens import Tokenizer

BLANK_LINES = r"\n[^\S\n]*\n\s*"


class TextFile(FiniteCorpus):
    """A UTF-8 text file, cut into documents, in three splits.

    Args:
        path: the file.
        tokenizer: one that is ready, or the kind to learn from the training split:
            "byte-bpe", "words" or "characters".
        separator: a regular expression; what it matches ends a document and is left
            out. By default blank lines; None keeps the text of each split in one
            piece, cut at the very character (then `split` must be "contiguous").
        split: "contiguous": the beginning of the file is for training and the end
            for testing, as in the literature. "hash": each document goes where the
            hash of its words says, so equal documents are never in two splits.
        shares: how much goes to train, validation and test.
        vocab_size: V for "byte-bpe", the most for "words".
        mask: whether a tokenizer made here has a `<mask>` token.
        name: the corpus's name; by default the file's.

    Raises:
        EmptyCorpusError: if the file holds no text.
        PretrainError: if it is missing, not UTF-8, or too small for its splits, or
            if an argument makes no sense.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        tokenizer: Tokenizer | str = "byte-bpe",
        *,
        separator: str | None = BLANK_LINES,
        split: str = "contiguous",
        shares: Sequence[float] = SHARES,
        vocab_size: int = 2048,
        mask: bool = True,
        name: str | None = None,
    ):
        path = Path(path)
        super().__init__(
            name or path.stem,
            split_text(read_text(path), separator, split, shares, source=str(path)),
            tokenizer,
            vocab_size=vocab_size,
            mask=mask,
            source=name or path.name,
        )


def read_text(path: str | os.PathLike) -> str:
    """The text of a UTF-8 file, line ends as \\n, a byte order mark left out."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise PretrainError(
            f"{path} is not UTF-8 text (byte {error.start} cannot be read); save it "
            "as UTF-8 first."
        ) from error
    except OSError as error:
        raise PretrainError(
            f"{path} cannot be read ({error.strerror}); give the path of a text file."
        ) from error
    if not text.strip():
        raise EmptyCorpusError(f"{path} holds no text; give a file that does.")
    return text


def split_text(
    text: str,
    separator: str | None,
    split: str,
    shares: Sequence[float],
    source: str,
) -> dict[str, list[Text]]:
    """The documents of `text` in three splits; the arguments are `TextFile`'s.

    Raises `PretrainError` if a split that should hold something would be empty.
    """
    if split not in ("contiguous", "hash"):
        raise PretrainError(f'split is "contiguous" or "hash", not {split!r}.')
    if separator is None:
        if split != "contiguous":
            raise PretrainError(
                'A text in one piece can only be split in order; take "contiguous", '
                "or a separator."
            )
        cuts = [int(len(text) * share) for share in (shares[0], sum(shares[:2]))]
        pieces = [text[: cuts[0]], text[cuts[0] : cuts[1]], text[cuts[1] :]]
        names = ("train", "validation", "test")
        splits = {
            name: [Text(piece)] if piece else []
            for name, piece in zip(names, pieces, strict=True)
        }
    else:
        try:
            pieces = re.split(separator, text)
        except re.error as error:
            raise PretrainError(
                f"The separator {separator!r} is no regular expression ({error})."
            ) from error
        # A group in the expression makes re.split return what it matched, or None.
        documents = [
            Text(piece.strip("\n")) for piece in pieces if (piece or "").strip()
        ]
        place = split_in_order if split == "contiguous" else split_by_hash
        splits = place(documents, shares)
    for (name, found), share in zip(splits.items(), shares, strict=True):
        if share > 0 and not found:
            count = sum(map(len, splits.values()))
            raise PretrainError(
                f"{source} is too small: its {count} documents leave none for {name}; "
                "give a longer text, a finer separator, or other shares."
            )
    return splits
