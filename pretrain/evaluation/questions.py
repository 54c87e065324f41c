"""Questions that the Microworld answers, made from its own tables.

    The capital of Peru is                                   Lima · Oslo · Rome · Paris
    2 + 3 =                                                  5 · 3 · 6 · 4
    Tom gave Anna a red hat. Anna gave it to Leo. Now        Leo · Tom · Anna · Ruth

Every context begins a document of the language and the right choice continues it, so
that what is measured is knowledge, not a new format; each wrong choice has probability
zero there. Subjects differ in what they need: *facts* that training states (capitals,
continents) and asks for (asked capitals); *rules* (sums, the form of a color in
French); and *reading* (owners, places, names), where the answer is in the context
alone. The held-out capitals are asked for in a chat, where training only states them:
they belong to the language ``world.chats(held_out=True)``.

:func:`reading` asks who, where or what of a narrative that names one, with the span.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from pretrain.corpora.document import Document
from pretrain.corpora.microworld import Microworld
from pretrain.errors import PretrainError
from pretrain.evaluation.choice import Question

CHOICES = 4


def multiple_choice(world: Microworld, n: int = 200, seed: int = 0) -> list[Question]:
    """n different questions of four choices, the subjects in turn.

    Finished subjects drop out: there are only so many countries. Raises PretrainError
    when the world has fewer questions than n.
    """
    if n < 1:
        raise PretrainError(f"{n} questions: ask for 1 or more")
    pools = []
    for subject, every in SUBJECTS.items():
        random = Random(f"{subject} {seed}")
        pool = list(every(_Tables(world)))
        random.shuffle(pool)
        pools.append((subject, random, pool))
    questions = []
    while len(questions) < n and pools:
        for subject, random, pool in pools[: n - len(questions)]:
            context, right, wrong = pool.pop()
            choices = [right, *random.sample(wrong, CHOICES - 1)]
            random.shuffle(choices)
            answer = choices.index(right)
            questions.append(Question(context, tuple(choices), answer, subject))
        pools = [entry for entry in pools if entry[2]]
    if len(questions) < n:
        raise PretrainError(
            f"the world has {len(questions)} such questions, not {n}: ask for fewer"
        )
    return questions


class _Tables:
    """What the world is made of, as words."""

    def __init__(self, world: Microworld) -> None:
        self.world = world

    def column(self, lexicon: str, attribute: str = "") -> list[str]:
        """One entry a row of a lexicon, written as in a text."""
        items = self.world.grammar.lexicons[lexicon].items
        rows = [item.say[attribute] for item in items]
        word = self.world.grammar.word
        return [
            " ".join(
                said.capitalize() if said in self.world.names else said
                for said in map(word, row)
            )
            for row in rows
        ]

    def pairs(self, lexicon: str, attribute: str) -> list[tuple[str, str]]:
        columns = self.column(lexicon), self.column(lexicon, attribute)
        return list(zip(*columns, strict=True))


Asked = Iterator[tuple[str, str, list[str]]]  # context, right choice, wrong ones


def _capitals(tables: _Tables) -> Asked:
    capitals = tables.column("country", "capital")
    for country, capital in tables.pairs("country", "capital"):
        wrong = [other for other in capitals if other != capital]
        yield f"The capital of {country} is", capital, wrong


def _asked(tables: _Tables) -> Asked:
    yield from _in_a_chat(tables, held_out=False)


def _held_out(tables: _Tables) -> Asked:
    yield from _in_a_chat(tables, held_out=True)


def _in_a_chat(tables: _Tables, held_out: bool) -> Asked:
    for stated, capital, wrong in _capitals(tables):
        country = stated.removeprefix("The capital of ").removesuffix(" is")
        if (country.lower() in tables.world.held_out) == held_out:
            context = f"User: Tell me the capital of {country}.\nAssistant: It is"
            yield context, capital, wrong


def _continents(tables: _Tables) -> Asked:
    continents = sorted(set(tables.column("country", "continent")))
    for country, continent in tables.pairs("country", "continent"):
        wrong = [c for c in continents if c != continent]
        yield f"{country} is in", continent, wrong


def _sums(tables: _Tables) -> Asked:
    for x in range(1, 6):
        for y in range(1, 5):
            yield f"{x} + {y} =", str(x + y), _numbers(x + y)
    for x in range(2, 7):
        for y in range(1, x):
            yield f"{x} - {y} =", str(x - y), _numbers(x - y)


def _numbers(right: int) -> list[str]:
    return [str(i) for i in range(1, 10) if i != right]


def _french(tables: _Tables) -> Asked:
    for lexicon, article, form in (("masc", "Le", "m"), ("fem", "La", "f")):
        for thing, chose in tables.pairs(lexicon, "fr"):
            colors = tables.column("color", form)
            for color, couleur in tables.pairs("color", form):
                context = (
                    f"English: The {thing} is {color}.\nFrench: {article} {chose} est"
                )
                yield context, couleur, [c for c in colors if c != couleur]


def _owners(tables: _Tables) -> Asked:
    people = tables.column("person")
    things, colors = tables.column("thing"), tables.column("color")
    for i, first in enumerate(people):
        for j, second in enumerate(people):
            third = people[(i + 2 * j + 3) % len(people)]
            if len({first, second, third}) < 3:
                continue
            thing, color = things[(i + j) % len(things)], colors[(i * j) % len(colors)]
            context = (
                f"{first} gave {second} a {color} {thing}. "
                f"{second} gave it to {third}. Now"
            )
            yield context, third, [p for p in people if p != third]


def _places(tables: _Tables) -> Asked:
    holders = tables.column("holder")
    for thing in tables.column("thing"):
        for holder in holders:
            context = (
                f"User: The {thing} is in the {holder}.\nAssistant: I see.\n"
                f"User: Where is the {thing}?\nAssistant: It is in the"
            )
            yield context, holder, [h for h in holders if h != holder]


def _names(tables: _Tables) -> Asked:
    people = tables.column("person")
    for name in people:
        context = (
            f"User: My name is {name}.\nAssistant: Hello, {name}.\n"
            "User: What is my name?\nAssistant: It is"
        )
        yield context, name, [p for p in people if p != name]


SUBJECTS: dict[str, Callable[[_Tables], Asked]] = {
    "capitals": _capitals,
    "asked capitals": _asked,
    "held-out capitals": _held_out,
    "continents": _continents,
    "sums": _sums,
    "French": _french,
    "owners": _owners,
    "places": _places,
    "names": _names,
}


# -- reading ------------------------------------------------------------------------


@dataclass(frozen=True)
class ReadingQuestion:
    """A question whose answer is a span of a document, as SQuAD's are.

    ``spans`` are all (start, end) where the answer stands, end exclusive, in tokens of
    ``document``; ``answer`` is its text.
    """

    document: Document
    question: str
    answer: str
    spans: tuple[tuple[int, int], ...]


ASKS = {"who": "Who is it about?", "where": "Where is it?", "what": "What is it about?"}


def reading(documents: list[Document], tokenizer) -> list[ReadingQuestion]:
    """Who, where, what: one question for each role that a document fills just once.

    A document that names two people is not asked "Who?", since either could be meant.
    Pronouns are no answers.
    """
    questions = []
    for document in documents:
        for role, asked in ASKS.items():
            named = [
                mention
                for mention in document.labels.get("entities", ())
                if mention.role == role and not mention.pronoun
            ]
            if len({mention.entity for mention in named}) == 1:
                spans = tuple((mention.start, mention.end) for mention in named)
                start, end = spans[0]
                answer = " ".join(map(tokenizer.token, document.tokens[start:end]))
                questions.append(ReadingQuestion(document, asked, answer, spans))
    return questions
