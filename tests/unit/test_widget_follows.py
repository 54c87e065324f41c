"""Does B follow A: what is asked, who has it right, and golden cases for JavaScript."""

import math

import pytest
from widget_site import golden

from pretrain.corpora.finite import FiniteCorpus, Text
from pretrain.corpora.microworld import Microworld
from pretrain.errors import PretrainError
from pretrain.evaluation.pair_words import accuracy, bags
from pretrain.widgets.follows import ASKED, TASKS, WRONG, DoesItFollow, questions

# As `questions` gives them; these judges are not fitted, so that the file is the same
# on every machine.
PAIRS = {
    name: [
        {
            "a": f"{name} {i}: naïve 👩‍🚀 <b>&", "b": "It sat.\nIt slept.",
            "label": i % 2, "shared": int(i % 3 == 0), "sides": int(i % 5 == 0),
        }
        for i in range(ASKED)
    ]
    for name in WRONG
}
SCORES = {name: {"shared": 0.75, "sides": 0.5} for name in WRONG}
CASES = [
    {},
    {"wrong": "order", "answers": {"any": "y", "kind": "nnnnnnn", "order": "yn" * 12}},
    {"wrong": "kind", "answers": {"kind": "ny" * 12}},
]


def made(**settings) -> DoesItFollow:
    return DoesItFollow(PAIRS, SCORES, **settings)


def test_golden():
    cases = []
    for settings in CASES:
        widget = made(**settings)
        state = {name: getattr(widget, name) for name in ("answers", "pairs")}
        cases.append({"state": state, "answer": widget.result()})
    golden("follows", cases)


def test_right_answers_by_hand():
    """Labels 0 1 0 1 0 1; shared words say 1 0 0 1 0 0, each side's 1 0 0 0 0 1."""
    found = made(answers={"any": "ynnyyn"}).result()
    coin = {"coin": 3.0, "give_or_take": 0.98 * math.sqrt(6)}
    assert found["any"] == {"asked": 6, "you": 4, "shared": 3, "sides": 3, **coin}
    assert found["order"]["asked"] == 0 == found["order"]["give_or_take"]
    perfect = made(answers={name: "yn" * (ASKED // 2) for name in WRONG}).result()
    assert all(each["you"] == ASKED for each in perfect.values())


def test_what_is_asked_of_microworld():
    world, met = Microworld(), []
    asked, scores = questions(world, 300, 150)
    for name, pairs in asked.items():
        assert [pair["label"] for pair in pairs].count(1) == ASKED / 2 == len(pairs) / 2
        for pair in pairs:
            met += [pair["a"], pair["b"]]
            both = [world.tokenizer.encode(pair[side]) for side in "ab"]
            fits = math.isfinite(world.log_probability(both[0] + both[1]))
            if pair["label"] == 0:
                assert fits, "a true pair is a text of the language"
            elif name == "order":
                # turned around again it is one, and as it stands it is none
                assert not fits
                assert math.isfinite(world.log_probability(both[1] + both[0]))
    assert len(met) == len(set(met)) == 2 * ASKED * len(WRONG)
    for name, sees, who in (
        ("any", "together", "shared"), ("order", "apart", "sides")
    ):
        task = TASKS[name]
        sizes = (bags(task, world, "train", 300), bags(task, world, "test", 150))
        assert scores[name][who] == accuracy(*sizes, sees).value


def test_bad_input_is_told():
    for bad in (
        {"wrong": "topic"}, {"answers": {"any": "yes"}},
        {"answers": {"kind": "y" * (ASKED + 1)}},
    ):
        with pytest.raises(PretrainError):
            made(**bad)
    with pytest.raises(PretrainError):
        DoesItFollow(PAIRS)
    texts = [Text("It sat. It slept."), Text("It ran. It ate.")] * 10
    few = FiniteCorpus("few", {"train": texts, "test": texts}, Microworld().tokenizer)
    with pytest.raises(PretrainError, match="few gives"):
        questions(few, 20, 20)
