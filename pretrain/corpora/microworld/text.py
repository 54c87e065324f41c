"""From tokens to text and back, without loss.

Tokens are lower-case words, numbers and marks. `render` writes them as a person
would: capitals where a sentence begins and on names, marks next to their words, each
speaker on a line of their own, code as code. `tokenize` undoes it exactly: for every
document of the language, tokenize(render(tokens)) == tokens.
"""

import re
from collections.abc import Iterable, Sequence

PROMPT = ">>>"
"""A document that begins with this token is a line of code."""
SPEAKERS = frozenset(("user", "assistant", "english", "french"))
ENDS = frozenset(".?!")

_CLOSING = frozenset((".", ",", "?", "!", ":", ";", ")", "”", "'s"))
_OPENING = frozenset(("“", "("))
_PROSE = re.compile(r"['’]s\b|\w+['’](?!s\b)(?=\w)|\w+|[^\w\s]")
_CODE = re.compile(r'>>>|"[^"]*"|\w+|[+*]=|[^\w\s]')


def render(tokens: Sequence[str], names: Iterable[str]) -> str:
    """The text of `tokens`; the words in `names` are capitalized everywhere."""
    if tokens and tokens[0] == PROMPT:
        return _render_code(tokens)
    names, pieces = frozenset(names) | {"i"}, []
    for i, token in enumerate(tokens):
        before = tokens[i - 1] if i else ""
        word = token
        if token in names or begins(tokens, i):
            word = token[:1].upper() + token[1:]
        if not i or token in _CLOSING or before in _OPENING or before[-1:] == "'":
            pieces.append(word)
        elif token in SPEAKERS and tokens[i + 1 : i + 2] == [":"]:
            pieces.append("\n" + word)
        else:
            pieces.append(" " + word)
    return "".join(pieces)


def tokenize(text: str) -> list[str]:
    """The tokens of `text`: the inverse of `render`, for any text."""
    text = text.strip()
    if text.startswith(PROMPT):
        return _CODE.findall(text)
    return _PROSE.findall(text.lower().replace("’", "'"))


def begins(tokens: Sequence[str], i: int) -> bool:
    """Does a sentence begin at token i? Also after a speaker, and inside quotes."""
    if i == 0:
        return True
    before = tokens[i - 1]
    if before == "”":
        return i > 1 and tokens[i - 2] == "."
    if before == ":":
        return i > 1 and tokens[i - 2] in SPEAKERS
    if before == "“":  # “ no , ” said tom , “ it is not . ” goes on after the comma
        return i < 2 or tokens[i - 2] != ","
    return before in ENDS and tokens[i] != "”"


def sentences(tokens: Sequence[str]) -> list[tuple[int, int]]:
    """(start, end) of each sentence, end exclusive; its quotes belong to it.

    What somebody says inside a sentence is part of it: `“ why ? ” asked tom .` is one
    sentence. A line of code is one sentence too.
    """
    if not tokens:
        return []
    if tokens[0] == PROMPT:
        return [(0, len(tokens))]
    spans, start, quoted = [], 0, False
    for i, token in enumerate(tokens):
        quoted = token == "“" or (quoted and token != "”")
        stop = token in ENDS and not quoted
        if token == "”" and tokens[i - 1] == ".":
            stop = True
        if stop or i + 1 == len(tokens):
            spans.append((start, i + 1))
            start = i + 1
    return spans


def _render_code(tokens: Sequence[str]) -> str:
    pieces = []
    for i, token in enumerate(tokens):
        tight = token in (")", ":", ";", ",", "(") or tokens[i - 1] == "("
        pieces.append(token if tight or not i else " " + token)
    return "".join(pieces)
