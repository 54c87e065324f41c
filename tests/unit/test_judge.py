"""A pairwise judge: what its biases do to the numbers, each built in on purpose."""

import numpy as np
import pytest
import torch

from pretrain import tokens
from pretrain.errors import PretrainError
from pretrain.evaluation.judge import (
    biased,
    bradley_terry,
    duel,
    elo,
    elo_scale,
    likelihood_judge,
    longer_judge,
)
from pretrain.model import ModelConfig, Transformer, redraw

QUESTIONS = [f"question {i}" for i in range(200)]


def fair(question: str, first: str, second: str) -> str:
    """Knows the quality, which the tests write into the answer as a number."""
    a, b = int(first), int(second)
    return "tie" if a == b else "A" if a > b else "B"


def answers(seed: int, better: int = 0) -> list[str]:
    random = np.random.default_rng(seed)
    return [str(i + better) for i in random.integers(0, 10, len(QUESTIONS))]


def test_a_fair_judge_is_consistent():
    found = duel(fair, QUESTIONS, answers(0, better=2), answers(1), n=200)
    assert found.inconsistent.interval == (0, 0)
    assert found.prefers_first.interval == (0, 0)
    assert found.win_rate.low > 0.5
    x, y = (np.array(list(map(int, a))) for a in (answers(0, 2), answers(1)))
    assert found.win_rate.value == np.mean((x > y) + 0.5 * (x == y))


def test_a_judge_that_names_the_first_decides_nothing():
    """Every win in one order is a loss in the other."""
    found = duel(lambda q, a, b: "A", QUESTIONS, answers(0, better=9), answers(1), n=50)
    assert found.win_rate.interval == (0.5, 0.5)
    assert found.inconsistent.value == found.prefers_first.value == 1
    last = duel(lambda q, a, b: "B", QUESTIONS, answers(0), answers(1), n=50)
    assert last.prefers_first.value == -1


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_the_bias_that_was_built_in_is_measured(share):
    """prefers_first is the share itself: the rest of the verdicts cancels out."""
    many = QUESTIONS * 10
    x, y = answers(0, better=1) * 10, answers(1) * 10
    found = duel(biased(fair, share), many, x, y, n=400)
    low, high = found.prefers_first.interval
    error = (high - low) / 2 / 1.96
    assert found.prefers_first.value == pytest.approx(share, abs=4 * error)
    assert low > 0, "and it is told from a fair judge's"
    # A verdict turns when it had not named the first already: two chances a question,
    # of which a decided pair offers one, and a tie both.
    tie = np.mean([a == b for a, b in zip(x, y, strict=True)])
    expected = (1 - tie) * share + tie * (1 - (1 - share) ** 2)
    # Five standard errors of 2000 questions; a pair that turns both ways agrees never.
    assert found.inconsistent.value == pytest.approx(
        expected, abs=5 * 0.5 / 2000**0.5
    )


def test_a_judge_of_length_is_consistent_and_wrong():
    x = ["right", "right"]
    y = ["wrong, but at length", "wrong, and long too"]
    found = duel(longer_judge, ["?", "?"], x, y, n=50)
    assert found.win_rate.value == 0 and found.inconsistent.value == 0
    assert longer_judge("", "ab", "cd") == "tie"


def test_what_is_no_verdict_is_told():
    with pytest.raises(PretrainError, match="'C'"):
        duel(lambda q, a, b: "C", ["?"], ["x"], ["y"])
    with pytest.raises(PretrainError, match="same length"):
        duel(fair, ["?"], ["1", "2"], ["1"])


def test_the_likelihood_judge_by_hand():
    tokenizer = tokens.words([f"w{i}" for i in range(9)])
    config = ModelConfig(tokenizer.vocab_size, width=16, depth=2, heads=2)
    model = redraw(Transformer(config), 1)

    @torch.no_grad()
    def nats(text):
        ids = [tokenizer.special.doc, *tokenizer.encode(text)]
        log_p = model(torch.tensor([ids])).log_softmax(-1)[0]
        return sum(float(log_p[i - 1, ids[i]]) for i in range(3, len(ids)))

    a, b = nats("w0 w1 w2 w3"), nats("w0 w1 w4")
    whole = likelihood_judge(model, tokenizer, per_token=False)
    assert whole("w0 w1", "w2 w3", "w4") == ("A" if a > b else "B")
    mean = likelihood_judge(model, tokenizer)
    assert mean("w0 w1", "w2 w3", "w4") == ("A" if a / 2 > b else "B")
    assert mean("w0 w1", "w4", "w2 w3") == ("B" if a / 2 > b else "A")
    assert mean("w0 w1", "w4", "w4") == "tie"
    assert likelihood_judge(model, tokenizer, margin=99)("w0", "w4", "w3") == "tie"
    texts = ["w2 w3", "w4", "w5 w6 w7", "w8"]
    found = duel(mean, ["w0 w1"] * 4, texts, texts[::-1], n=50)
    assert found.inconsistent.value == 0, "no position bias, by construction"


# -- several systems ------------------------------------------------------------------


def test_two_systems_have_the_odds_of_their_wins():
    """30 wins against 10: odds of 3 to 1."""
    strengths = bradley_terry([[0, 30], [10, 0]])
    assert strengths[0] - strengths[1] == pytest.approx(np.log(3), abs=1e-8)
    points = elo_scale(strengths)
    assert points[0] - points[1] == pytest.approx(190.85, abs=0.01)  # 400·log₁₀ 3
    assert points.mean() == pytest.approx(1000)


def test_expected_wins_give_back_their_strengths():
    true = np.array([-1.5, 0.0, 0.3, 1.2])
    wins = 40 / (1 + np.exp(true[None] - true[:, None]))
    np.testing.assert_allclose(bradley_terry(wins), true - true.mean(), atol=1e-7)


def test_a_system_that_never_lost_has_no_finite_strength():
    with pytest.raises(PretrainError, match="never lost"):
        bradley_terry([[0, 3], [0, 0]])
    with pytest.raises(PretrainError, match="never lost"):  # two pairs that never met
        bradley_terry(np.kron(np.eye(2), [[0, 1], [1, 0]]))
    # A circle is enough, however long: everybody lost to somebody.
    circle = np.roll(np.eye(9), 1, 1)
    np.testing.assert_allclose(bradley_terry(circle), 0, atol=1e-7)
    with pytest.raises(PretrainError, match="square"):
        bradley_terry([[1, 2, 3]])


def test_elo_depends_on_the_order_of_the_games():
    games = [(0, 1, 1.0)] * 5 + [(0, 1, 0.0)] * 5
    early, late = elo(games, 2), elo(games[::-1], 2)
    assert early[0] < 1000 < late[0], "the last games weigh most"
    assert early.sum() == pytest.approx(2000), "points are passed on, never made"
    # The first game by hand: expected 1/2, so half of k changes hands.
    np.testing.assert_allclose(elo(games[:1], 2), [1016, 984])
