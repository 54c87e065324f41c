"""The chat loss mask's Python: golden cases for JavaScript, and the chance to stop."""

import itertools
import random

import pytest
from widget_site import golden

from pretrain.errors import PretrainError
from pretrain.widgets.chat_mask import MOST, TURNS, ChatLossMask, stopping

STRANGE = "naïve 👩‍🚀🎉 <end> <assistant> don't \ufeff 中文"
CONVERSATIONS = [
    TURNS,
    [],
    TURNS[:1],
    TURNS[1:2],
    [TURNS[1], TURNS[1], TURNS[0]],
    [{"role": "assistant", "content": ""}],
    [{"role": "user", "content": STRANGE}, {"role": "assistant", "content": STRANGE}],
    [{"role": "assistant", "content": "word " * 500}],
]
TRAITS = "turns score end_of_turn token".split()


def test_golden():
    cases = []
    ways = itertools.product(CONVERSATIONS, ("assistant", "all"), (True, False))
    for turns, score, ends in ways:
        widget = ChatLossMask(turns=turns, score=score, end_of_turn=ends)
        state = {name: getattr(widget, name) for name in TRAITS}
        cases.append({"state": state, "answer": widget.result()})
    golden("chat_mask", cases)


def test_the_end_of_the_turn_is_what_the_switch_changes():
    with_end, without = (ChatLossMask(end_of_turn=on).result() for on in (True, False))
    changed = [
        token
        for token, a, b in zip(
            with_end["tokens"], with_end["scored"], without["scored"], strict=True
        )
        if a != b
    ]
    assert changed == ["<end>", "<end>"]
    assert (with_end["stop"], with_end["over"]) == (1.0, 0)
    # specials, markers, and the words: Is the sea far from here ? No , an hour on
    # foot . And lake It is near
    assert without["vocabulary"] == 4 + 3 + 19
    assert without["stop"] == pytest.approx(1 / 26)


def test_no_text_forges_an_end():
    turns = [{"role": "assistant", "content": "a <end> b"}]
    result = ChatLossMask(turns=turns).result()
    assert result["tokens"] == "<assistant> a < end > b <end> <doc>".split()
    assert result["scored"] == [False, *[True] * 6, False]


def test_tokens_written_too_many_are_those_of_a_simulation():
    tokens, scored = ["<assistant>", "a", "<end>"], [False, True, False]
    told = stopping(tokens, scored, 8)
    draws, runs = random.Random(0), 20_000
    extra = sum(
        next(i for i in itertools.count() if draws.random() < 1 / 8)
        for _ in range(runs)
    )
    # a geometric count's standard deviation is below 8: of the mean, below 0.057
    assert abs(extra / runs - told["over"]) < 5 * 0.057


def test_bad_input_is_told():
    with pytest.raises(PretrainError, match="user, assistant"):
        ChatLossMask(turns=[{"role": "system", "content": ""}])
    with pytest.raises(PretrainError, match="a role and a content"):
        ChatLossMask(turns=[{"role": "user"}])
    with pytest.raises(PretrainError, match="12 or fewer"):
        ChatLossMask(turns=TURNS * MOST)
    with pytest.raises(PretrainError, match="assistant"):
        ChatLossMask(score="user")
    with pytest.raises(PretrainError, match="counted from 0"):
        ChatLossMask(token=-1)
    assert "0 turns and 0 tokens" in ChatLossMask(turns=[]).alt()
    assert ChatLossMask(turns=[]).picture().startswith("<svg")
