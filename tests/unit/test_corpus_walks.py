"""Walks: their answers, their three forms, and what is never trained on."""

from itertools import islice

import numpy as np
import pytest

from pretrain.corpora.walks import LEADS, ROOMS, WAYS, Walks, held_out, visited
from pretrain.errors import PretrainError


def test_every_direction_is_a_permutation_and_they_do_not_commute():
    assert LEADS.shape == (len(WAYS), len(ROOMS))
    assert (np.sort(LEADS, axis=1) == np.arange(len(ROOMS))).all()
    for one in range(len(WAYS)):
        for other in range(one):
            assert (LEADS[one][LEADS[other]] != LEADS[other][LEADS[one]]).any()


def test_the_answer_composes_the_directions():
    walk = [2, 0, 3, 1]
    assert visited(walk)[-1] == LEADS[1][LEADS[3][LEADS[0][2]]]
    assert len(visited(walk)) == 3


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("answer", ["direct", "filler", "steps"])
def test_forms_have_their_length_and_end_on_the_same_answer(steps, answer):
    corpus, steps_written = Walks(steps, answer), Walks(steps, "steps")
    for walk in islice(corpus.problems("train", 3), 20):
        ids = corpus.question(walk) + corpus.reply(walk)
        assert len(ids) + 1 == corpus.length
        assert ids[-1] == steps_written.reply(walk)[-1]
        assert corpus.question(walk) == steps_written.question(walk)
    assert Walks(steps, "filler").length == steps_written.length


def test_text_of_the_three_forms():
    walk = np.array([0, 0, 2])
    said = {
        answer: Walks(2, answer).tokenizer.decode(
            Walks(2, answer).question(walk) + Walks(2, answer).reply(walk)
        )
        for answer in ("direct", "filler", "steps")
    }
    assert said["direct"] == "hall north up = study"
    assert said["filler"] == "hall north up = . study"
    assert said["steps"] == "hall north up = attic study"


def test_what_is_asked_was_never_trained_on():
    corpus = Walks(2, "direct")
    trained = {tuple(w) for w in islice(corpus.problems("train", 0), 3000)}
    asked = {tuple(w) for w in corpus.problems("test")}
    assert len(trained) > 100 and asked and not trained & asked
    assert all(held_out(np.array(w)) for w in asked)


def test_a_tenth_of_the_walks_is_held_out():
    every = np.stack(np.meshgrid(np.arange(8), *[np.arange(4)] * 4), -1).reshape(-1, 5)
    # of 2,048 walks; a standard error of 0.007
    assert np.mean([held_out(w) for w in every]) == pytest.approx(0.1, abs=0.03)


def test_refusals():
    for options in ({"steps": 0}, {"answer": "none"}):
        with pytest.raises(PretrainError, match="give 1 step"):
            Walks(**options)
