"""Drawing documents from the grammar: the quick way, and with labels.

`sample` appends token ids and nothing else; it is what a training stream runs on,
about 2 million tokens a second on one core (see benchmarks/microworld_stream.py).
`trace` makes the very same document from the same random numbers, and writes down
how it came about: which words fill which slot, who is meant, which topic was drawn.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from .choices import Entity
from .grammar import ALT, DRAW, EXPAND, LIT, MATH, PICK, SAY, Grammar

PRONOUNS = ("he", "him", "his")


@dataclass(frozen=True)
class Mention:
    """Tokens `start` to `end` (exclusive) name an entity or, as a pronoun, mean it."""

    start: int
    end: int
    role: str
    entity: str
    pronoun: bool


@dataclass
class Trace:
    """A document, and how it was derived.

    Attributes:
        tokens: its token ids.
        kind, topic: as drawn.
        mentions: every span that names somebody, some place or some thing.
        slots: for each token, 0 if it is literal text of a template, else a number
            that the tokens of one filler share.
    """

    tokens: list[int] = field(default_factory=list)
    kind: str = ""
    topic: str = ""
    mentions: list[Mention] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)


def sample(ops: tuple, env: dict, out: list[int], random: Callable[[], float]) -> None:
    """Append one expansion of `ops` to `out`; `env` keeps what the slots hold.

    Args:
        ops: a compiled template, such as `Grammar.root`.
        env: variable → `Entity`; an empty dict for a new document.
        out: token ids are appended to it.
        random: draws from [0, 1), such as `random.Random(seed).random`.
    """
    for op in ops:
        code = op[0]
        if code == LIT:
            out += op[1]
        elif code == SAY:
            out += env[op[1]].say[op[2]]
        elif code == PICK:
            choice = op[2]
            env[op[1]] = entity = choice.table[int(random() * choice.size)]
            if op[3]:
                out += entity.say[""]
        elif code == ALT:
            choice = op[1]
            sample(choice.table[int(random() * choice.size)], env, out, random)
        elif code == EXPAND:
            choice = env[op[1]].expand[op[2]]
            sample(choice.table[int(random() * choice.size)], env, out, random)
        elif code == DRAW:
            choice = op[2](env)
            env[op[1]] = entity = choice.table[int(random() * choice.size)]
            if op[3]:
                out += entity.say[""]
        else:
            out += arithmetic(op, env)


def arithmetic(op: tuple, env: dict) -> tuple[int, ...]:
    """The tokens of a sum, a difference or a product."""
    _, sign, left, right, number = op
    x = left if isinstance(left, int) else env[left].number
    y = right if isinstance(right, int) else env[right].number
    return number(x + y if sign == "+" else x - y if sign == "-" else x * y).say[""]


def trace(grammar: Grammar, ops: tuple, random: Callable[[], float]) -> Trace:
    """The document that `sample` would make from the same numbers, with labels."""
    made, env = Trace(), {}
    _trace(grammar, ops, env, made, random)
    if made.topic.startswith("="):
        made.topic = env[made.topic[1:]].text
    return made


def _trace(
    grammar: Grammar, ops: tuple, env: dict, made: Trace, random: Callable[[], float]
) -> None:
    if id(ops) in grammar.topics:
        made.kind, made.topic = grammar.topics[id(ops)]

    def fill(ids: tuple[int, ...], entity: Entity | None, attribute: str = "") -> None:
        start = len(made.tokens)
        made.tokens += ids
        made.slots += [1 + start] * len(ids)
        pronoun = attribute in PRONOUNS
        if entity is not None and entity.role and (pronoun or not attribute):
            made.mentions.append(
                Mention(start, len(made.tokens), entity.role, entity.text, pronoun)
            )

    for op in ops:
        code = op[0]
        if code == LIT:
            made.tokens += op[1]
            made.slots += [0] * len(op[1])
        elif code == SAY:
            fill(env[op[1]].say[op[2]], env[op[1]], op[2])
        elif code in (PICK, DRAW):
            choice = op[2] if code == PICK else op[2](env)
            env[op[1]] = entity = choice.table[int(random() * choice.size)]
            if op[3]:
                fill(entity.say[""], entity)
        elif code in (ALT, EXPAND):
            choice = op[1] if code == ALT else env[op[1]].expand[op[2]]
            inner = choice.table[int(random() * choice.size)]
            _trace(grammar, inner, env, made, random)
        elif code == MATH:
            fill(arithmetic(op, env), None)
