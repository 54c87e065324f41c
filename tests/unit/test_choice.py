"""Multiple choice by likelihood: formats, scores, averages; and Microworld's questions.

Held against log-probabilities summed by hand, small tables, and the exact probabilities
of the Microworld.
"""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain import tokens
from pretrain.corpora.microworld import Microworld, exact
from pretrain.errors import EmptyLossError, PretrainError
from pretrain.evaluation.choice import (
    Question,
    accuracy,
    choice_log_likelihoods,
    correct,
    lettered,
    macro_mean,
    mc1,
    mc2,
)
from pretrain.evaluation.questions import ASKS, SUBJECTS, multiple_choice, reading
from pretrain.model import ModelConfig, Transformer, redraw

WORDS = [f"w{i}" for i in range(12)]
TOKENIZER = tokens.words(WORDS)
WORLD = Microworld()


def small_model(vocab_size: int, context: int = 64) -> Transformer:
    config = ModelConfig(vocab_size, width=16, depth=2, heads=2, context=context)
    return redraw(Transformer(config), 1)


MODEL = small_model(TOKENIZER.vocab_size)


@torch.no_grad()
def by_hand(model, tokenizer, context: str, text: str) -> float:
    """ln p of what ``text`` adds to ``context``, one token after the other."""
    ids = [tokenizer.special.doc, *tokenizer.encode(text)]
    log_p = model(torch.tensor([ids])).double().log_softmax(-1)[0]
    first = 1 + len(tokenizer.encode(context))
    return sum(float(log_p[i - 1, ids[i]]) for i in range(first, len(ids)))


text = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
choice = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
question = st.builds(
    Question, text, st.lists(choice, min_size=1, max_size=4).map(tuple), st.just(0)
)


@settings(max_examples=40)
@given(st.lists(question, max_size=4))
def test_scores_are_sums_of_log_probabilities(questions):
    """Also with shorter and longer rows beside them in the batch."""
    scores = choice_log_likelihoods(MODEL, TOKENIZER, questions)
    assert [len(s) for s in scores] == [len(q.choices) for q in questions]
    for asked, found in zip(questions, scores, strict=True):
        expected = [
            by_hand(MODEL, TOKENIZER, asked.context, asked.with_choice(i))
            for i in range(len(asked.choices))
        ]
        # float32 logits of rows that are padded differently
        np.testing.assert_allclose(found, expected, atol=2e-4)


def test_all_one_word_choices_share_the_whole_probability():
    asked = Question("w3 w1", tuple(WORDS), 0)
    [scores] = choice_log_likelihoods(MODEL, TOKENIZER, [asked])
    ids = [TOKENIZER.special.doc, *TOKENIZER.encode("w3 w1")]
    p = MODEL(torch.tensor([ids])).detach().softmax(-1)[0, -1]
    specials = float(p[: TOKENIZER.special.reserved].sum())
    assert np.exp(scores).sum() + specials == pytest.approx(1, abs=1e-5)  # float32


class Merging:
    """Reads "w1 w2" as the one token "w11", as a tokenizer without blanks might."""

    special, name = TOKENIZER.special, "merging"

    def encode(self, text):
        return TOKENIZER.encode(text.replace("w1 w2", "w11"))

    def encode_all(self, texts):
        return [self.encode(text) for text in texts]


def test_a_merge_across_the_boundary_is_scored_for_all_choices_alike():
    """The token w1 of the context is scored for every choice, or for none."""
    asked = Question("w5 w1", ("w2", "w3", "w4 w4"), 0)
    [scores] = choice_log_likelihoods(MODEL, Merging(), [asked])
    texts = ["w5 w11", "w5 w1 w3", "w5 w1 w4 w4"]
    expected = [by_hand(MODEL, TOKENIZER, "w5", text) for text in texts]
    np.testing.assert_allclose(scores, expected, atol=2e-4)  # float32


def test_training_mode_is_left_as_it_was():
    MODEL.train()
    choice_log_likelihoods(MODEL, TOKENIZER, [Question("w1", ("w2",), 0)])
    assert MODEL.training
    MODEL.eval()


@pytest.mark.parametrize(
    "asked, told",
    [
        (Question("w1", ("w2", "hello"), 0), "no token for"),
        (lettered(Question("w1", ("w2", "w3"), 0)), "no token for"),
        (Question("w1", ("w2", " "), 0), "adds no token"),
        (Question("w1 " * 70, ("w2",), 0), "does not fit"),
    ],
)
def test_what_cannot_be_scored_is_told(asked, told):
    with pytest.raises(PretrainError, match=told):
        choice_log_likelihoods(MODEL, TOKENIZER, [asked])


def test_an_answer_is_one_of_the_choices():
    with pytest.raises(PretrainError, match="index of the right one"):
        Question("w1", ("w2",), 1)


# -- formats ------------------------------------------------------------------------


def test_the_letter_format_of_mmlu():
    """The prompt of the official evaluation, character by character."""
    shot = Question("2 + 2 =", ("3", "4"), 1, "easy_sums")
    asked = lettered(Question("1 + 1 =", ("2", "5"), 0, "easy_sums"), [shot])
    assert asked.context == (
        "The following are multiple choice questions (with answers) about easy sums."
        "\n\n2 + 2 =\nA. 3\nB. 4\nAnswer: B\n\n1 + 1 =\nA. 2\nB. 5\nAnswer:"
    )
    assert asked.choices == ("A", "B") and asked.answer == 0
    assert asked.with_choice(1).endswith("Answer: B")


def test_letters_run_out():
    with pytest.raises(PretrainError, match="letters"):
        lettered(Question("?", tuple("abcdefghijk"), 0))


# -- right answers and averages -----------------------------------------------------


def test_length_decides_what_a_sum_would_not():
    """−6 nats on 3 characters against −8 on 8; "né" has 2 characters and 3 bytes."""
    asked = [Question("", ("cat", "elephant"), 1), Question("", ("né", "to"), 0)]
    scores = [np.array([-6.0, -8.0]), np.array([-2.4, -2.0])]
    assert correct(asked, scores).tolist() == [False, False]
    assert correct(asked, scores, "characters").tolist() == [True, False]
    assert correct(asked, scores, "bytes").tolist() == [True, True]
    with pytest.raises(PretrainError, match="characters"):
        correct(asked, scores, "words")


def test_a_model_that_tells_no_choices_apart_earns_nothing():
    """An arg-max would give it every question whose answer stands first."""
    asked = [Question("", ("a", "b"), 0), Question("", ("a", "b"), 1)]
    assert not correct(asked, [np.zeros(2), np.zeros(2)]).any()


def test_micro_and_macro_differ():
    """Nine of ten right in a large subject, none of two in a small one."""
    asked = [Question("", ("a", "b", "c", "d"), 0, "large")] * 10
    asked += [Question("", ("a", "b"), 0, "small")] * 2
    right = np.array([1] * 9 + [0] * 3)
    found = accuracy(asked, right, n=200)
    assert found.micro.value == 9 / 12
    assert found.macro.value == pytest.approx(0.45, abs=1e-15)
    assert found.chance == pytest.approx((10 / 4 + 2 / 2) / 12, abs=1e-15)
    assert found.micro.low < 9 / 12 < found.micro.high
    assert macro_mean(right[:10], np.zeros(10, dtype=int)) == pytest.approx(0.9)


def test_the_interval_is_that_of_a_binomial():
    """400 questions at chance: 25 % ± 1.96·√(0.25·0.75/400) = ± 4.24 points."""
    asked = [Question("", ("a", "b", "c", "d"), 0)] * 400
    found = accuracy(asked, np.arange(400) < 100)
    width = (found.micro.high - found.micro.low) / 2
    assert width == pytest.approx(1.96 * math.sqrt(0.25 * 0.75 / 400), rel=0.08)


def test_no_questions_no_accuracy():
    with pytest.raises(EmptyLossError):
        accuracy([], np.zeros(0))


def test_truthfulqa_by_hand():
    scores = np.log([0.1, 0.2, 0.4, 0.1])
    assert mc1(scores, [True, False, False, False]) == 0
    assert mc1(scores, [False, False, True, False]) == 1
    assert mc1(np.zeros(2), [True, False]) == 0, "a tie"
    expected = (0.1 + 0.4) / 0.8
    assert mc2(scores, [True, False, True, False]) == pytest.approx(expected, rel=1e-12)
    # ln p of long answers: exp alone would be 0 / 0.
    assert mc2(scores - 5000, [True, False, True, False]) == pytest.approx(
        expected, rel=1e-9
    )
    with pytest.raises(PretrainError, match="true answer"):
        mc2(scores, [False] * 4)


# -- Microworld's questions ---------------------------------------------------------


def test_every_answer_is_right_and_every_other_choice_impossible():
    """By the exact probabilities of the language."""
    held_out = WORLD.chats(held_out=True)
    for asked in multiple_choice(WORLD, 150, seed=1):
        root = held_out.root if asked.subject.startswith("held") else WORLD.root
        mass = []
        for i in range(4):
            ids = WORLD.tokenizer.encode(asked.with_choice(i))
            mass.append(exact.prefix_masses(root, ids)[0][len(ids)])
        assert mass[asked.answer] > 0, asked
        assert sum(m > 0 for m in mass) == 1, asked


def test_questions_are_distinct_and_answers_stand_anywhere():
    questions = multiple_choice(WORLD, 240)
    assert len(set(q.context for q in questions)) == 240
    assert {q.subject for q in questions} == set(SUBJECTS)
    assert all(len(set(q.choices)) == 4 for q in questions)
    places = Counter(q.answer for q in questions)
    # 240 fair draws of four: a share outside 60 ± 27 is more than four errors away.
    assert all(33 <= places[i] <= 87 for i in range(4)), places


def test_the_same_seed_the_same_questions():
    assert multiple_choice(WORLD, 30) == multiple_choice(WORLD, 30)
    assert multiple_choice(WORLD, 30) != multiple_choice(WORLD, 30, seed=1)
    with pytest.raises(PretrainError, match="ask for fewer"):
        multiple_choice(WORLD, 100_000)
    with pytest.raises(PretrainError, match="1 or more"):
        multiple_choice(WORLD, 0)


def test_an_untrained_model_guesses():
    """Random weights know nothing: about a quarter is right, and no more."""
    questions = multiple_choice(WORLD, 60)
    model = redraw(Transformer(ModelConfig(WORLD.tokenizer.vocab_size)), 3)
    scores = choice_log_likelihoods(model, WORLD.tokenizer, questions)
    found = accuracy(questions, correct(questions, scores), n=200)
    assert found.chance == 0.25
    # Four standard errors of 60 fair guesses.
    assert abs(found.micro.value - 0.25) < 4 * math.sqrt(0.25 * 0.75 / 60)


def test_reading_questions_have_their_answer_in_the_text():
    documents = WORLD.heldout("test", 200)
    asked = reading(documents, WORLD.tokenizer)
    assert {q.question for q in asked} == set(ASKS.values())
    for q in asked:
        for start, end in q.spans:
            span = q.document.tokens[start:end]
            assert " ".join(map(WORLD.tokenizer.token, span)) == q.answer
        role = next(r for r, words in ASKS.items() if words == q.question)
        others = {
            m.entity
            for m in q.document.labels["entities"]
            if m.role == role and not m.pronoun
        }
        assert len(others) == 1
        assert WORLD.tokenizer.special.unk not in WORLD.tokenizer.encode(q.question)
