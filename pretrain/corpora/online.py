"""Corpora that have to be downloaded first: Shakespeare, TinyStories, WikiText-2.

Shakespeare is one file, fetched by URL, checked by its SHA-256 and kept in the user's
cache folder, so that it is downloaded once. The others come through Hugging Face's
`datasets`, which the package does not require and which has a cache of its own.
Without a network each of them raises one `OfflineError` that says what to do.
"""

import hashlib
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from pretrain.corpora.files import BLANK_LINES, read_text, split_text
from pretrain.corpora.finite import FiniteCorpus, Text
from pretrain.errors import OfflineError, PretrainError
from pretrain.tokens import Tokenizer

SHAKESPEARE_URL = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/"
    "input.txt"
)
SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"


class Shakespeare(FiniteCorpus):
    """1.1 MB of Shakespeare's plays, the corpus of many small published results.

    The first 90 % of the characters are for training, the rest for validation, as in
    nanoGPT; there is no test split.

    Args:
        path: a copy of the file; without one it is downloaded.
        tokenizer: "characters" (65 of them), "byte-bpe", "words", or one ready made.
        separator: what ends a document, as in `TextFile`. By default blank lines:
            each speech is a document. None: each split is one long document, cut at
            the same character as in nanoGPT.
        vocab_size: V for "byte-bpe", the most for "words".
        mask: whether a tokenizer made here has a `<mask>` token.

    Raises:
        OfflineError: if there is no path, no copy in the cache, and no network.
        PretrainError: if the file is another than the known one.
    """

    def __init__(
        self,
        path: str | os.PathLike | None = None,
        tokenizer: Tokenizer | str = "characters",
        *,
        separator: str | None = BLANK_LINES,
        vocab_size: int = 2048,
        mask: bool = True,
    ):
        if path is None:
            path = download(SHAKESPEARE_URL, SHAKESPEARE_SHA256, "shakespeare.txt")
        elif Path(path).is_file():  # where it is not, read_text says so
            _check(Path(path).read_bytes(), SHAKESPEARE_SHA256, path)
        text = read_text(path)
        super().__init__(
            "shakespeare",
            split_text(text, separator, "contiguous", (0.9, 0.1, 0.0), str(path)),
            tokenizer,
            vocab_size=vocab_size,
            mask=mask,
            source="Shakespeare's plays",
        )


class TinyStories(FiniteCorpus):
    """Short stories in the words of a small child (@eldan2023tinystories).

    The published training split is streamed and its first `stories` are taken; of the
    published validation split, the first `heldout` are for validation and as many
    more for testing. Raises `OfflineError` without `datasets` or a network.
    """

    def __init__(
        self,
        tokenizer: Tokenizer | str = "byte-bpe",
        *,
        stories: int = 50_000,
        heldout: int = 1000,
        vocab_size: int = 2048,
        mask: bool = True,
    ):
        place = "roneneldan/TinyStories"
        held = _rows(place, None, "validation", 2 * heldout)
        super().__init__(
            "tinystories",
            {
                "train": _stories(_rows(place, None, "train", stories)),
                "validation": _stories(held[:heldout]),
                "test": _stories(held[heldout:]),
            },
            tokenizer,
            vocab_size=vocab_size,
            mask=mask,
            source=f"the first {stories:,} of TinyStories",
        )


class WikiText2(FiniteCorpus):
    """Good and featured articles of Wikipedia (@merity2017pointer).

    The raw version, in its published splits; each article is one document. Raises
    `OfflineError` without `datasets` or a network.
    """

    def __init__(
        self,
        tokenizer: Tokenizer | str = "byte-bpe",
        *,
        vocab_size: int = 2048,
        mask: bool = True,
    ):
        super().__init__(
            "wikitext-2",
            {
                split: articles(
                    _rows("Salesforce/wikitext", "wikitext-2-raw-v1", split)
                )
                for split in ("train", "validation", "test")
            },
            tokenizer,
            vocab_size=vocab_size,
            mask=mask,
            source="WikiText-2, raw",
        )


def articles(lines: Iterable[str]) -> list[Text]:
    """WikiText's lines, gathered into one text an article.

    A line " = Title = " opens an article; " = = Section = = " does not.
    """
    found: list[list[str]] = []
    for line in lines:
        line = line.strip()
        title = line.startswith("= ") and line.endswith(" =")
        if title and not line.startswith("= ="):
            found.append([line])
        elif found and (line or found[-1][-1]):
            found[-1].append(line)
    return [
        Text("\n".join(body).strip(), "article", {"title": body[0].strip("= ")})
        for body in found
    ]


def cache_folder() -> Path:
    """Where downloads are kept: $PRETRAIN_CACHE, or this system's usual place."""
    if chosen := os.environ.get("PRETRAIN_CACHE"):
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "pretrain"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "pretrain"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pretrain"


def download(url: str, sha256: str, name: str) -> Path:
    """The path of a file with that checksum: from the cache, or else from `url`.

    Raises:
        OfflineError: if it has to be downloaded and cannot be.
        PretrainError: if what arrives has another checksum, or cannot be stored.
    """
    path = cache_folder() / name
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
        return path
    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            content = response.read()
    except (OSError, urllib.error.URLError) as error:
        raise OfflineError(
            f"{name} cannot be downloaded from {url} "
            f"({getattr(error, 'reason', error)}); connect to the network, or "
            "download the file elsewhere and give its path."
        ) from error
    _check(content, sha256, url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{name}.{os.getpid()}")
        part.write_bytes(content)
        part.replace(path)  # so that no other process ever reads half a file
    except OSError as error:
        raise PretrainError(
            f"{name} cannot be stored in {path.parent} ({error.strerror}); set "
            "PRETRAIN_CACHE to a folder that you may write to."
        ) from error
    return path


def _check(content: bytes, sha256: str, source: str | os.PathLike) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise PretrainError(
            f"{source} is not the file that published results are quoted on: its "
            f"SHA-256 is {found[:12]}… and should be {sha256[:12]}…; take another "
            "copy, or read it with TextFile."
        )


def _rows(place: str, part: str | None, split: str, n: int | None = None) -> list[str]:
    """The first `n` texts (or all) of a split of a dataset on the Hugging Face hub."""
    try:
        import datasets
    except ImportError as error:
        raise OfflineError(
            f"{place} is read with the package datasets, which is not installed; run "
            "`pip install datasets`."
        ) from error
    try:
        rows = datasets.load_dataset(place, part, split=split, streaming=True)
        return [row["text"] for row in islice(rows, n)]
    except Exception as error:  # each layer of `datasets` raises errors of its own
        raise OfflineError(
            f"{place} cannot be read from the Hugging Face hub "
            f"({type(error).__name__}); connect to the network, or give a text file "
            "of your own to TextFile."
        ) from error


def _stories(rows: Sequence[str]) -> list[Text]:
    return [Text(row.strip(), "story") for row in rows if row.strip()]
