"""Real English that needs no network: the documentation inside Python itself.

Two sources, both part of every CPython: the language reference's chapters that
`help()` shows (`pydoc_data.topics`), and the docstrings of the standard library. The
library is parsed and never imported, so that nothing in it runs. Python's
documentation is under the PSF license.

What is done to the text: headings lose their underlines, hard-wrapped lines of a
paragraph are joined, long texts are cut between paragraphs. What is left out: texts
of fewer than 12 words, and those of which more than half was said before (a docstring
copied from class to class would otherwise sit in training and validation alike).

Each version of Python documents itself a little differently, so losses compare only
between runs on the same version: `description` states it, with a checksum.

Cost: some 3 s on one core for the first corpus of a process, 1 s for another. Under
the smoke budget the docstrings are left out, which takes a quarter of the time.
"""

import ast
import gc
import os
import platform
import re
import sysconfig
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from pretrain.budgets import smoke
from pretrain.corpora.finite import FiniteCorpus, Text, split_by_hash
from pretrain.errors import EmptyCorpusError

LEAST_WORDS = 12
MOST_CHARACTERS = 1500  # of one document: some 400 tokens
_SHINGLE = 5  # words in a row that count as "said before"

# Not everywhere installed, not about Python, or tables rather than prose.
_LEFT_OUT = frozenset(
    "__pycache__ _pyrepl config dist-packages distutils encodings ensurepip idlelib "
    "lib2to3 msilib pydoc_data site-packages test tests tkinter turtledemo".split()
)
_UNDERLINE = re.compile(r"^(\S.*)\n([*=\-~^\"'#+])\2{2,}$", re.MULTILINE)
_LIST_ITEM = re.compile(r"[-*+•] |\(?\w{1,2}[.)] |>>> |\.\.\. |\.\. |:\w")
_WRAPPED = 45  # a shorter line was ended on purpose


class PythonDocs(FiniteCorpus):
    """The documentation of the Python that runs this, as a corpus.

    Args:
        vocab_size: V of the byte-level BPE vocabulary, learned on the training split.
        mask: whether there is a `<mask>` token.

    `kind` of a document is "topic" or "docstring"; `labels["source"]` says which.

    Raises:
        EmptyCorpusError: if this Python ships neither source (a stripped build).
        PretrainError: if `vocab_size` is below 260.
    """

    def __init__(self, vocab_size: int = 2048, *, mask: bool = True):
        super().__init__(
            "python-docs",
            split_by_hash(_gather(docstrings=not smoke())),
            vocab_size=vocab_size,
            mask=mask,
            source=f"the documentation of Python {platform.python_version()}",
        )


@lru_cache(maxsize=2)
def _gather(docstrings: bool) -> tuple[Text, ...]:
    """All documents, cleaned, each one new."""
    said: set[str] = set()
    sources = (*_topics(), *_docstrings()) if docstrings else _topics()
    texts = [
        Text(piece, kind, {"source": source})
        for kind, source, text in sources
        for piece in _pieces(clean(text))
        if _is_new(piece, said)
    ]
    if not texts:
        raise EmptyCorpusError(
            "This Python ships without its documentation; take a standard build of "
            "CPython, or another corpus."
        )
    return tuple(texts)


def _topics() -> Iterator[tuple[str, str, str]]:
    """(kind, source, text) of each section of the language reference."""
    try:
        from pydoc_data.topics import topics
    except ImportError:
        return
    for name, text in sorted(topics.items()):
        marked = _UNDERLINE.sub("\f\\1", text)
        for section in marked.split("\f"):
            yield "topic", name, section


def _docstrings() -> Iterator[tuple[str, str, str]]:
    """(kind, source, text) of each docstring of the standard library, by file."""
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(_sources(root)):
        try:
            with warnings.catch_warnings(), _without_collection():
                warnings.simplefilter("ignore")  # of old escapes: not our code
                tree = ast.parse(path.read_text(encoding="utf-8"))
        except (OSError, SyntaxError, ValueError):
            continue  # unreadable, or a template that is no Python
        module = ".".join(path.relative_to(root).with_suffix("").parts)
        for name, text in _inside(tree, module):
            yield "docstring", name, text


def _sources(root: Path) -> Iterator[Path]:
    """The modules under `root`; what is left out is not even walked through."""

    def kept(name: str) -> bool:
        return name not in _LEFT_OUT and not name.startswith(("_sysconfig", "config-"))

    for folder, folders, files in os.walk(root):
        folders[:] = filter(kept, folders)
        yield from (Path(folder, f) for f in filter(kept, files) if f.endswith(".py"))


@contextmanager
def _without_collection() -> Iterator[None]:
    """A syntax tree is a million new objects, which collection would walk through."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _inside(node: ast.AST, name: str) -> Iterator[tuple[str, str]]:
    """(dotted name, docstring) of a module, class or function and all within it."""
    if text := ast.get_docstring(node):
        yield name, text
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _inside(child, f"{name}.{child.name}")


def clean(text: str) -> str:
    """`text` with headings bare, wrapped paragraphs in one line, blank lines single.

    Sentences are one blank apart. Only lines at the left margin are joined, and only
    to a line long enough to have been wrapped; lists, doctests and indented blocks
    keep their lines.
    """
    text = _UNDERLINE.sub(r"\1", text.expandtabs())
    text = re.sub(r"(?<=[.?!:])  (?=\S)", " ", text)
    lines: list[str] = []
    for line in map(str.rstrip, text.strip().splitlines()):
        wrapped = lines and len(lines[-1]) >= _WRAPPED and lines[-1][0] != " "
        if wrapped and line[:1].strip() and not _LIST_ITEM.match(line):
            lines[-1] += " " + line
        elif line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines)


def _pieces(text: str) -> Iterator[str]:
    """`text`, cut between paragraphs into pieces of at most MOST_CHARACTERS.

    A paragraph that is longer stays whole.
    """
    piece = ""
    for paragraph in text.split("\n\n"):
        if piece and len(piece) + len(paragraph) + 2 > MOST_CHARACTERS:
            yield piece
            piece = ""
        piece += ("\n\n" if piece else "") + paragraph
    yield piece


def _is_new(text: str, said: set[str]) -> bool:
    """Is the text long enough, and at most half of it said before? Then note it."""
    words = re.findall(r"[a-z]+", text.lower())
    if len(words) < LEAST_WORDS:
        return False
    shingles = {
        " ".join(words[i : i + _SHINGLE]) for i in range(len(words) - _SHINGLE + 1)
    }
    if 2 * len(shingles & said) > len(shingles):
        return False
    said |= shingles
    return True
