"""Does B come right after A? The reader and two judges who know words alone.

    wrong pairs                     the reader     shared words     each side's words
    B of another document           9 of 12        8 of 12          9 of 12
    B of another, of the same kind  …
    A and B swapped                 …

The pairs are those of `objectives.pairs`: NSP with wrong segments of any document or of
one of the same kind, and SOP. The judges are `evaluation.pair_words`, "together" and
"apart". Of each couple of documents one pair is asked, since the other one would tell
its answer.
"""

import math
from functools import lru_cache
from random import Random

import traitlets

from pretrain.budgets import smoke
from pretrain.corpora.microworld import Microworld
from pretrain.errors import PretrainError
from pretrain.evaluation.pair_words import ROWS, bags, verdicts
from pretrain.objectives.pairs import Pairs
from pretrain.random import generator_for
from pretrain.widgets.base import Widget, label, module, one_of, svg

WRONG = {
    "any": "B of another document",
    "kind": "B of another, of the same kind",
    "order": "A and B swapped",
}
"""Where the wrong B comes from; for "order" A and B are swapped."""
TASKS = {
    "any": Pairs("nsp", None),
    "kind": Pairs("nsp", None, same_kind=True),
    "order": Pairs("sop", None),
}
JUDGES = {"shared": "together", "sides": "apart"}
ASKED = 24
"""Pairs of each task that are asked."""


def questions(corpus, trained: int = 1500, judged: int = 750) -> tuple[dict, dict]:
    """Pairs of each task, and how often each judge is right on ``judged`` pairs.

    The judges are fitted to ``trained`` pairs of the training split. A pair is a
    dictionary: "a" and "b" are texts, "label" is 1 where B does not follow, "shared"
    and "sides" are what the judges say of it. Half of the labels are 1, and no segment
    is asked twice.
    """
    pairs, scores, met = {}, {}, set()
    for name, task in TASKS.items():
        known = bags(task, corpus, "train", trained)
        new = bags(task, corpus, "test", judged)
        said = {key: verdicts(known, new, sees) for key, sees in JUDGES.items()}
        scores[name] = {k: float((v == new.labels).mean()) for k, v in said.items()}
        piece = next(task.read(corpus, "test", 0, rows=ROWS, length=512))
        batch = task(piece, corpus.tokenizer, generator_for(0, 0))  # the first of `new`
        wanted, pairs[name] = {0: ASKED // 2, 1: ASKED // 2}, []
        for row in range(0, len(piece), 2):  # of a couple of documents the first pair
            sides, false = batch.inputs[row], int(batch.labels[row])
            a, b = (
                _text(sides[batch.segments[row] == side], corpus.tokenizer)
                for side in (0, 1)
            )
            if wanted[false] and not met & {a, b}:
                wanted[false] -= 1
                met |= {a, b}
                told = {key: int(answers[row]) for key, answers in said.items()}
                pairs[name].append({"a": a, "b": b, "label": false, **told})
        Random(name).shuffle(pairs[name])  # else the rarer label would come first
        if len(pairs[name]) < ASKED:
            raise PretrainError(
                f"the test split of {corpus.name} gives {len(pairs[name])} pairs for "
                f"{name!r} and {ASKED} are asked: use a corpus with more documents"
            )
    return pairs, scores


def _text(ids, tokenizer) -> str:
    return tokenizer.decode(ids[ids >= tokenizer.special.reserved].tolist())


@lru_cache
def _microworld() -> tuple[dict, dict]:
    few = (300, 150) if smoke() else ()
    return questions(Microworld(), *few)


class DoesItFollow(Widget):
    """Say of sentence pairs whether the second follows, beside judges of words alone.

    wrong: where a wrong B comes from, one of WRONG. answers: the reader's, by task, a
    string with "y" where B was said to follow and "n" where not. pairs, scores: what is
    asked and how the judges do on more of it, as `questions` gives them; by default
    those of Microworld.
    """

    _esm = module("follows")
    heights = (650, 985)

    wrong = traitlets.Unicode("any").tag(sync=True)
    answers = traitlets.Dict({name: "" for name in WRONG}).tag(sync=True)
    pairs = traitlets.Dict().tag(sync=True)
    scores = traitlets.Dict().tag(sync=True)

    def __init__(self, pairs=None, scores=None, **settings) -> None:
        if (pairs is None) != (scores is None):
            raise PretrainError("pairs and scores belong together: give both or none")
        if pairs is None:
            pairs, scores = _microworld()
        super().__init__(pairs=pairs, scores=scores, **settings)

    @traitlets.validate("wrong")
    def _check_wrong(self, proposal):
        return one_of("wrong", proposal["value"], WRONG)

    @traitlets.validate("answers")
    def _check_answers(self, proposal):
        given = {name: proposal["value"].get(name, "") for name in WRONG}
        for name, said in given.items():
            if set(said) - {"y", "n"} or len(said) > ASKED:
                raise PretrainError(
                    f"the answers {said!r} to {name!r} must be up to {ASKED} letters, "
                    "y where B follows and n where not"
                )
        return given

    def result(self) -> dict:
        """By task: pairs "asked", and how many "you", "shared" and "sides" have right.

        "coin": half of them, and "give_or_take": 1.96 standard errors of a coin.
        """
        found = {}
        for name, said in self.answers.items():
            asked = self.pairs[name][: len(said)]
            own = [int(answer == "n") for answer in said]
            pair_labels = [pair["label"] for pair in asked]
            right = {"you": sum(map(int.__eq__, own, pair_labels))}
            for judge in JUDGES:
                right[judge] = sum(pair[judge] == pair["label"] for pair in asked)
            n = len(asked)
            coin = {"coin": n / 2, "give_or_take": 0.98 * math.sqrt(n)}
            found[name] = {"asked": n, **right, **coin}
        return found

    def alt(self) -> str:
        told = (
            f"{WRONG[name]}: {score['shared']:.0%} by shared words, "
            f"{score['sides']:.0%} by each side's words"
            for name, score in self.scores.items()
        )
        return (
            "A game of sentence pairs: does B come right after A? Judges who know "
            "words alone are right so often, by how wrong pairs are made: "
            f"{'; '.join(told)}."
        )

    def picture(self) -> str:
        parts = [label(8, 18, "Does B come right after A?", font_weight="bold")]
        pair = self.pairs[self.wrong][0]
        for y, key in ((44, "a"), (66, "b")):
            text = " ".join(pair[key].split())
            text = text if len(text) <= 70 else f"{text[:69]}…"
            parts.append(label(8, y, f"{key.upper()}  {text}"))
        for x, name in ((230, "shared words"), (350, "each side's words")):
            parts.append(label(x, 100, name, "muted"))
        for i, (name, score) in enumerate(self.scores.items()):
            y = 124 + 22 * i
            parts.append(label(8, y, WRONG[name]))
            parts.append(label(230, y, f"{score['shared']:.0%}"))
            parts.append(label(350, y, f"{score['sides']:.0%}"))
        parts.append(label(8, 192, "A coin is right half of the time.", "muted"))
        return svg(640, 206, parts, self.alt())
