"""Shannon's game: golden cases for JavaScript, and games played by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from widget_site import golden

from pretrain.early.shannon import ALPHABET, bounds
from pretrain.errors import PretrainError
from pretrain.widgets.guessing import (
    LETTERS,
    ORDER,
    GuessNextLetter,
    examples,
    opening,
    play,
)

TEXTS = ["The owl slept.", "A café, we'll see."]
RANKS = [[2, 1, 1, 1, 7, 1, 1, 1, 3, 2, 1, 1, 1], [5] + 14 * [1]]
TRAITS = "texts ranks text guesses".split()
CASES = ["", "a", "t", "th?????????", "zt?", "?" * 13, "etaoin" * 4, "the owl slept"]

HELD_OUT = "The old cat sat on his mat by a river, and a bird sat near it."


class Sentences:
    """A corpus of two kinds of documents, as `examples` asks for one."""

    name = "sentences"

    class tokenizer:
        decode = staticmethod(lambda ids: "".join(map(chr, ids)))

    def stream(self, split, seed):
        if split == "validation":
            yield list(map(ord, "Too short."))
            yield list(map(ord, HELD_OUT))
        while split == "train":
            yield list(map(ord, "The old cat sat on his mat by a door."))


def test_golden():
    cases = []
    for text, guesses in [*((0, case) for case in CASES), (1, "a cafe well see"),
                          (1, "?b")]:
        widget = GuessNextLetter(TEXTS, RANKS, text=text, guesses=guesses)
        state = {name: getattr(widget, name) for name in TRAITS}
        answer = widget.result()
        for who in ("reader", "model"):
            if answer[who]:  # 12 digits: logarithms differ in the last ones
                told = {key: round(x, 12) for key, x in answer[who].items()}
                answer[who] = told
        cases.append({"state": state, "answer": answer})
    golden("guessing", cases)


def test_a_game_by_hand():
    """t, then a, h: the second letter took 2 guesses; e is being looked for."""
    widget = GuessNextLetter(TEXTS, RANKS, guesses="tahx")
    assert widget.texts == ["the owl slept", "a cafe well see"]
    result = widget.result()
    assert (result["ranks"], result["tried"]) == ([1, 2], "x")
    # half 1, half 2: upper 1 bit; lower 1·(½−½)·0 + 2·½·1 = 1 bit
    assert result["reader"]["upper"] == result["reader"]["lower"] == 1.0
    assert result["model"] == bounds([2, 1]).__dict__


def test_the_rest_is_guessed_in_the_order_of_frequency():
    assert sorted(ORDER) == sorted(ALPHABET) and len(set(ORDER)) == 27
    for letter in ALPHABET:
        assert play(letter, "?") == ([ORDER.index(letter) + 1], "")
    # z, then the rest without z: x is the 25th of ORDER, after z the 26th
    assert play("x", "z?")[0] == [ORDER.index("x") + 2]
    assert play("a", "aa?") == ([1], "")  # nothing counts after the end


@given(
    st.text(ALPHABET, min_size=1, max_size=12), st.text(ALPHABET + "?", max_size=60)
)
def test_ranks_are_of_what_was_guessed(text, guesses):
    ranks, tried = play(text, guesses)
    assert len(ranks) <= len(text) and all(1 <= rank <= 27 for rank in ranks)
    assert len(set(tried)) == len(tried)
    if len(ranks) < len(text):
        assert text[len(ranks)] not in tried
    # who knows the text never needs a second guess
    assert play(text, text)[0] == [1] * len(text)


def test_a_model_is_counted_on_training_texts_alone():
    texts, ranks = examples(Sentences(), texts=1, counted=400)
    assert texts == ("the old cat sat on his mat by a river and a bird sat near it",)
    assert len(ranks[0]) == len(texts[0])
    known = len("the old cat sat on his mat by a ")
    assert ranks[0][:known] == (1,) * known  # said in each training document
    assert max(ranks[0][known:]) > 1  # "river" in none
    with pytest.raises(PretrainError, match="3 were asked for"):
        examples(Sentences(), texts=3, counted=40)


def test_openings_are_of_whole_words():
    text = "ab " * 60
    assert opening(text) == ("ab " * 40).strip()
    assert opening("x" * LETTERS) == "x" * LETTERS
    assert len(opening("x" * 300)) <= LETTERS + 1


def test_bad_input_is_told():
    for texts, ranks in (
        (["a"], None), ([], []), (["12"], [[]]), (["ab"], [[1]]), (["a"], [[0]]),
        (["a"], [[28]]), (["a" * 121], [[1] * 121]),
    ):
        with pytest.raises(PretrainError):
            GuessNextLetter(texts, ranks)
    for more in ({"text": 2}, {"text": -1}, {"guesses": "A"}, {"guesses": "é"}):
        with pytest.raises(PretrainError):
            GuessNextLetter(TEXTS, RANKS, **more)
    assert math.isfinite(GuessNextLetter(["a"], [[27]]).result()["reader"] or 0.0)
