"""The grammar: JSON files compiled once to flat operations on token ids.

The format, which is data all the way down (nothing in it is Python):

A *file* has some of: `kind` and `weight` (the kind of document it describes, and how
often that kind is drawn), `lexicons`, `rules`, `documents` (topic → templates; the
topic `=p` is whatever fills slot p), `numbers` (1 to this are words of the language)
and `capitalized` (words with a capital, besides names).
A *lexicon* has `role` (who, where, what, or ""), `fields` and `rows`, or is taken
`from` another lexicon of the file; each row is an *entity*. The field `text` is what
the entity is called, `weight` (an integer, 1 by default) how often it is drawn, any
other field an attribute: words, a template, a list of templates, or a lexicon of its
own (`{"role", "fields", "rows"}`).
A *template* is words separated by blanks, and slots in braces:

    {a:person}      draw from a lexicon, call it a, say it
    {a<-person}     draw it and say nothing
    {b:person-a}    draw, but not a: the others keep their proportions
    {x:a.friends}   draw from a lexicon that is an attribute of a
    {n:2..9}        draw a number, both ends included; an end may be a drawn number,
                    plus or minus a constant: {n:1..x-1}
    {=a} {=a.his}   say a, or an attribute of a
    {=x+y}          say a sum (or x-y, x*y) of drawn numbers and constants
    {one|two^3|}    alternatives, templates themselves, ^3: three times as often
    {@rule}         a rule: alternatives that have a name
    {@a.then}       an attribute of a as a template, or a list of them

A list of templates (documents, rules, attributes) takes `"words"` or `["words", 3]`.
All weights are small integers, so a draw is one uniform index into a table in which
an item stands as often as it weighs; JavaScript can do the same.
"""

import json
import re
from collections.abc import Iterable, Mapping
from importlib import resources

from pretrain.errors import PretrainError
from pretrain.tokens import SPECIALS

from .choices import Choice, Entity

FILES = (
    "lexicon", "cats", "objects", "errands", "talk", "pairs", "bank", "capitals",
    "chats", "french", "arithmetic", "code",
)  # fmt: skip
LIT, SAY, PICK, ALT, EXPAND, DRAW, MATH = range(7)

_DRAW = re.compile(r"(\w+)(:|<-)(\S+)$")
_MINUS = re.compile(r"([\w.]+?)((?:-[a-z]\w*)*)$")
_RANGE = re.compile(r"(\w+)([+-]\d+)?\.\.(\w+)([+-]\d+)?$")
_MATH = re.compile(r"(\w+)([+*-])(\w+)$")
_WEIGHT = re.compile(r"(.*?)\^(\d+)$", re.S)


class Grammar:
    """Every template compiled, every word numbered.

    Args:
        files: the grammar's files, already read (see `load`).
        subset: lexicon → names to keep, to make a smaller language; names must exist.
        at_most: keep only the first `at_most` entities of each lexicon.

    Attributes:
        words: the vocabulary without specials; the id of words[i] is 4 + i.
        kinds: kind → `Choice` of its documents; `topics` maps the id() of a document's
            template to (kind, topic).
    """

    def __init__(
        self,
        files: Iterable[Mapping],
        subset: Mapping[str, Iterable[str]] | None = None,
        at_most: int | None = None,
    ):
        files = list(files)
        self.at_most, self.subset = at_most, dict(subset or {})
        self.ids: dict[str, int] = {}
        self.lexicons: dict[str, Choice] = {}
        self.rules: dict[str, Choice] = {}
        self.topics: dict[int, tuple[str, str]] = {}
        self._numbers: dict[int, Entity] = {}
        self._ranges: dict[tuple[int, int], Choice] = {}
        self._without: dict[tuple, Choice] = {}
        for number in range(max((f.get("numbers", 0) for f in files), default=0)):
            self.number(number + 1)
        for file in files:
            lexicons = file.get("lexicons", {})
            for name, lexicon in lexicons.items():
                lexicon = lexicons.get(lexicon.get("from"), lexicon)
                self.lexicons[name] = self._lexicon(name, lexicon)
        for file in files:
            for name, templates in file.get("rules", {}).items():
                self.rules[name] = self.choice(templates)
        self.kinds: dict[str, Choice] = {}
        self.weights: dict[str, int] = {}
        for file in files:
            if "documents" in file:
                self._documents(file)
        if self.kinds:
            roots = [((ALT, choice),) for choice in self.kinds.values()]
            self.root = ((ALT, Choice(roots, self.weights.values())),)
        self.words = list(self.ids)

    def _documents(self, file: Mapping) -> None:
        kind, all_items, all_weights = file["kind"], [], []
        for topic, templates in file["documents"].items():
            choice = self.choice(templates)
            for ops in choice.items:
                self.topics[id(ops)] = (kind, topic)
            all_items += choice.items
            all_weights += choice.weights
        self.kinds[kind] = Choice(all_items, all_weights)
        self.weights[kind] = file.get("weight", 1)

    def token_ids(self, words: str) -> tuple[int, ...]:
        """The ids of `words`; new words get the next ids."""
        new = len(SPECIALS)
        return tuple(
            self.ids.setdefault(word, new + len(self.ids)) for word in words.split()
        )

    def word(self, token_id: int) -> str:
        """The word that has this id."""
        return self.words[token_id - len(SPECIALS)]

    def number(self, value: int) -> Entity:
        """The entity that a number is."""
        if value not in self._numbers:
            ids = {"": self.token_ids(str(value))}
            self._numbers[value] = Entity(str(value), "number", "", value, ids, {}, {})
        return self._numbers[value]

    def numbers(self, low: int, high: int) -> Choice:
        """The numbers from `low` to `high`, equally likely."""
        if (low, high) not in self._ranges:
            values = [self.number(value) for value in range(low, high + 1)]
            self._ranges[low, high] = Choice(values, [1] * len(values))
        return self._ranges[low, high]

    def without(self, choice: Choice, gone: tuple[Entity, ...]) -> Choice:
        """`choice` without some entities, the others in proportion."""
        key = (choice, gone)
        if key not in self._without:
            pairs = zip(choice.items, choice.weights, strict=True)
            kept = [(item, weight) for item, weight in pairs if item not in gone]
            self._without[key] = Choice([i for i, _ in kept], [w for _, w in kept])
        return self._without[key]

    def _lexicon(self, name: str, lexicon: Mapping) -> Choice:
        fields, role = lexicon["fields"], lexicon.get("role", "")
        rows, wanted = lexicon["rows"], self.subset.get(name)
        if wanted is not None:
            rows = [row for row in rows if row[0] in set(wanted)]
        rows = rows[: self.at_most]
        entities, weights = [], []
        for row in rows:
            row = row if isinstance(row, list) else [row]
            values = dict(zip(fields, row, strict=True))
            text = values.pop("text")
            weights.append(values.pop("weight", 1))
            say, expand, inner = {"": self.token_ids(text)}, {}, {}
            for field, value in values.items():
                if isinstance(value, dict):
                    inner[field] = self._lexicon(field, value)
                    continue
                if isinstance(value, str) and "{" not in value:
                    say[field] = self.token_ids(value)
                templates = [value] if isinstance(value, str) else value
                expand[field] = self.choice(templates)
            entities.append(Entity(text, name, role, None, say, expand, inner))
        return Choice(entities, weights)

    def choice(self, templates: Iterable) -> Choice:
        """Compiled alternatives from `"template"` or `["template", weight]`."""
        pairs = [(t, 1) if isinstance(t, str) else (t[0], t[1]) for t in templates]
        return Choice([self.compile(t) for t, _ in pairs], [w for _, w in pairs])

    def compile(self, template: str) -> tuple:
        """A template as a tuple of operations, each a tuple that begins with its code.

        (LIT, ids) · (SAY, var, attribute) · (PICK, var, choice, said) ·
        (ALT, choice of templates) · (EXPAND, var, attribute) ·
        (DRAW, var, source, said), `source(env)` the `Choice` to draw from ·
        (MATH, sign, left, right, number), each side a variable or a number
        """
        ops = []
        for inside, text in _pieces(template):
            if not inside:
                ops.append((LIT, self.token_ids(text)))
            elif match := _DRAW.match(text):
                ops.append(self._draw(match[1], match[3], match[2] == ":"))
            elif text[0] == "=":
                ops.append(self._say(text[1:]))
            elif text[0] == "@":
                name, _, field = text[1:].partition(".")
                if field:
                    ops.append((EXPAND, name, field))
                else:
                    ops.append((ALT, _known(self.rules, name, "rule")))
            else:
                ops.append((ALT, self.choice(map(_weighed, _split_bars(text)))))
        return tuple(ops)

    def _say(self, text: str) -> tuple:
        if match := _MATH.match(text):
            left, right = (int(s) if s.isdigit() else s for s in (match[1], match[3]))
            return (MATH, match[2], left, right, self.number)
        name, _, field = text.partition(".")
        return (SAY, name, field)

    def _draw(self, var: str, source: str, said: bool) -> tuple:
        if match := _RANGE.match(source):
            ends = [
                (int(end) if end.isdigit() else end, int(shift or 0))
                for end, shift in ((match[1], match[2]), (match[3], match[4]))
            ]
            if all(isinstance(end, int) for end, _ in ends):
                low, high = (end + shift for end, shift in ends)
                return (PICK, var, self.numbers(low, high), said)

            def between(env: dict) -> Choice:
                low, high = (
                    (end if isinstance(end, int) else env[end].number) + shift
                    for end, shift in ends
                )
                return self.numbers(low, high)

            return (DRAW, var, between, said)
        match = _MINUS.match(source)
        if not match:
            raise PretrainError(f"{source!r} names nothing that can be drawn from.")
        name, _, field = match[1].partition(".")
        gone = tuple(match[2].split("-")[1:])
        if field:

            def choices(env: dict) -> Choice:
                return env[name].inner[field]
        else:
            choice = _known(self.lexicons, name, "lexicon")
            if not gone:
                return (PICK, var, choice, said)

            def choices(env: dict) -> Choice:
                return choice

        if not gone:
            return (DRAW, var, choices, said)
        without = self.without

        def remaining(env: dict) -> Choice:
            return without(choices(env), tuple([env[g] for g in gone]))

        return (DRAW, var, remaining, said)


def load(files: Iterable[str] = FILES) -> list[dict]:
    """The grammar's JSON files, read."""
    here = resources.files(__package__)
    return [json.loads((here / f"{name}.json").read_text("utf-8")) for name in files]


def _known(table: Mapping, name: str, what: str):
    if name not in table:
        raise PretrainError(
            f"The grammar has no {what} called {name!r}; define it in a file that "
            "comes before its use."
        )
    return table[name]


def _pieces(template: str) -> list[tuple[bool, str]]:
    """(inside braces?, text) for each piece of a template, in order."""
    pieces, depth, start = [], 0, 0
    for i, char in enumerate(template):
        if char == "{":
            if depth == 0:
                pieces.append((False, template[start:i]))
                start = i + 1
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                pieces.append((True, template[start:i]))
                start = i + 1
        if depth < 0:
            break
    if depth:
        raise PretrainError(f"The braces of this template do not match: {template}")
    pieces.append((False, template[start:]))
    return [(inside, text) for inside, text in pieces if inside or text.strip()]


def _weighed(part: str) -> tuple[str, int]:
    """`words^3` as ("words", 3); without a weight it is 1."""
    match = _WEIGHT.match(part.strip())
    return (match[1], int(match[2])) if match else (part.strip(), 1)


def _split_bars(text: str) -> list[str]:
    """The alternatives of `a|b|c`, whose own braces may hold bars."""
    parts, depth = [""], 0
    for char in text:
        depth += (char == "{") - (char == "}")
        if char == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return parts
