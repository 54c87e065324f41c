"""Turn a page's MyST into the Markdown that Colab and Jupyter show.

Roles become their text, with measured numbers filled in; exercises and notes become
bold titles; package code that the page includes is set in. What a notebook cannot show
(labels, the list of references) is left out.
"""

import ast
import re
from collections.abc import Callable
from pathlib import Path

ROLE = re.compile(r"\{([\w:-]+)\}`([^`]+)`(?!`)")
FENCE = re.compile(
    r"^(?P<f>`{3,}|:{3,})\{(?P<name>[\w:-]+)\}[ ]*(?P<title>[^\n]*)\n"
    r"(?P<options>(?:[ ]*:[\w-]+:[^\n]*\n)*)(?P<body>.*?)^(?P=f)[ ]*$\n?",
    re.M | re.S,
)
TITLES = {"exercise": "Exercise", "solution": "Solution"}
DROPPED = {"bibliography", "exercise-end", "solution-end", "execution-times"}


def included(path: Path, options: str) -> str:
    """Return the code that a `literalinclude` shows."""
    source = path.read_text("utf8")
    wanted = re.search(r":pyobject:\s*(\S+)", options)
    if wanted:
        node = ast.parse(source)
        for name in wanted.group(1).split("."):
            node = next(n for n in node.body if getattr(n, "name", "") == name)
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        source = "\n".join(source.splitlines()[first - 1 : node.end_lineno])
    elif lines := re.search(r":lines:\s*(\d+)-(\d+)", options):
        first, last = map(int, lines.groups())
        source = "\n".join(source.splitlines()[first - 1 : last])
    return f"```python\n{source.rstrip()}\n```\n"


def plain(text: str, folder: Path, roles: dict[str, Callable[[str], str]]) -> str:
    """Return the MyST `text` of a page in `folder` as plain Markdown.

    `roles` gives the text of a role's content, by the role's name; a role that it does
    not name stands for its content.
    """

    def fence(found):
        name, title, body = found["name"], found["title"].strip(), found["body"]
        if name in DROPPED:
            return ""
        if name == "literalinclude":
            return included((folder / title).resolve(), found["options"])
        if name == "math":
            return f"$$\n{body.strip()}\n$$\n"
        kind = name.removesuffix("-start")
        if kind in ("exercise", "note", "tip", "warning", "important", "admonition"):
            label = TITLES.get(kind, kind.capitalize())
            words = [label] * (kind != "admonition") + [title] * bool(title)
            head = f"**{': '.join(words)}**"
        else:
            head = f"**{TITLES[kind]}**" if kind in TITLES else ""
        return f"{head}\n\n{FENCE.sub(fence, body)}"

    def role(found):
        name, content = found.groups()
        named = re.fullmatch(r"(.*?)\s*<[^<>]+>", content, re.S)
        if named and name in ("doc", "ref", "numref"):
            return named.group(1)
        return roles.get(name, str)(content)

    text = FENCE.sub(fence, text)
    text = re.sub(r"^#+ References\s*\Z", "", text, flags=re.M)  # nothing is below it
    text = re.sub(r"^\([\w:-]+\)=\s*$\n?", "", text, flags=re.M)
    return ROLE.sub(role, text)
