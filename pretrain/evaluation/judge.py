r"""A pairwise judge: which of two answers is better, and is the judge fair?

    question  answer of X, answer of Y  →  "A"      X won, standing first
    question  answer of Y, answer of X  →  "A"      Y won, standing first: inconsistent

A judge is any function (question, first answer, second answer) → "A", "B" or "tie". It
is asked twice, with the answers in both orders, as MT-Bench does: a win counts only
where both verdicts agree, all else is a tie (@zheng2023judging, §3.4). What the two
orders disagree on measures the judge itself: its *position bias*.

    found = duel(judge, questions, answers_x, answers_y)
    found.win_rate, found.inconsistent, found.prefers_first     # each with an interval

    strength = bradley_terry(wins)          # (S,) from a table of who beat whom
    elo_scale(strength)                     # the same on the scale of chess

A consistent judge can still be wrong: one that likes longer answers is. Agreement with
people is another measurement, and not made here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pretrain.errors import PretrainError
from pretrain.evaluation.bootstrap import Interval, bootstrap, mean
from pretrain.evaluation.choice import Question, choice_log_likelihoods
from pretrain.model import Transformer
from pretrain.tokens import Tokenizer

Judge = Callable[[str, str, str], str]
_POINTS = {"A": 1, "B": -1, "tie": 0}


# -- two systems --------------------------------------------------------------------


@dataclass(frozen=True)
class Duel:
    """Verdicts on pairs of answers, each pair in both orders.

    first, second (n,): 1 where system X won, −1 where Y did, 0 for a tie; X's answer
    stood first, and second. ``n`` is the number of bootstrap resamples, over questions.
    """

    first: np.ndarray
    second: np.ndarray
    n: int = 2000

    @property
    def outcome(self) -> np.ndarray:
        """(n,) 1, −1 or 0: a win needs the same verdict in both orders."""
        return np.where(self.first == self.second, self.first, 0)

    @property
    def win_rate(self) -> Interval:
        """The share of questions that X wins, ties counting half."""
        return self._mean((self.outcome + 1) / 2)

    @property
    def inconsistent(self) -> Interval:
        """The share of questions on which the two orders disagree."""
        return self._mean(self.first != self.second)

    @property
    def prefers_first(self) -> Interval:
        """Wins of the first place minus wins of the second, per verdict: −1 to 1.

        0 for a fair judge, 1 for one that always names the first answer, whatever the
        systems are worth: each answer stood first once.
        """
        return self._mean((self.first - self.second) / 2)

    def _mean(self, values: np.ndarray) -> Interval:
        return bootstrap(mean, np.asarray(values, dtype=float), n=self.n)


def duel(
    judge: Judge,
    questions: Sequence[str],
    answers_x: Sequence[str],
    answers_y: Sequence[str],
    n: int = 2000,
) -> Duel:
    """Ask the judge about every question, in both orders.

    Raises PretrainError for lists of different lengths, and for a verdict that is not
    "A", "B" or "tie".
    """
    if not len(questions) == len(answers_x) == len(answers_y) > 0:
        raise PretrainError(
            f"{len(questions)} questions with {len(answers_x)} and {len(answers_y)} "
            "answers: give three lists of the same length, of one or more"
        )
    rows = list(zip(questions, answers_x, answers_y, strict=True))
    first = [_points(judge(question, x, y)) for question, x, y in rows]
    second = [-_points(judge(question, y, x)) for question, x, y in rows]
    return Duel(np.array(first), np.array(second), n)


def _points(verdict: str) -> int:
    if verdict not in _POINTS:
        raise PretrainError(
            f"the judge said {verdict!r}: a verdict is 'A', 'B' or 'tie', so read "
            "anything else as one of them first"
        )
    return _POINTS[verdict]


# -- judges -------------------------------------------------------------------------


def likelihood_judge(
    model: Transformer, tokenizer: Tokenizer, per_token: bool = True, margin: float = 0
) -> Judge:
    """A judge that names the answer our model finds likelier after the question.

    Nats per token of the answer, or of the whole answer (``per_token=False``, which
    favors short ones); a tie where they differ by ``margin`` or less. Each answer is
    read alone, so this judge has no position bias by construction. It prefers what
    sounds likely, which need not be right.
    """

    def judge(question: str, first: str, second: str) -> str:
        asked = Question(question, (first, second), 0)
        [scores] = choice_log_likelihoods(model, tokenizer, [asked])
        if per_token:
            scores = scores / [len(tokenizer.encode(a)) for a in (first, second)]
        difference = float(scores[0] - scores[1])
        if abs(difference) <= margin:
            return "tie"
        return "A" if difference > 0 else "B"

    return judge


def longer_judge(question: str, first: str, second: str) -> str:
    """Names the longer answer: consistent, and wrong. @zheng2023judging, §3.3"""
    if len(first) == len(second):
        return "tie"
    return "A" if len(first) > len(second) else "B"


def biased(judge: Judge, share: float, seed: int = 0) -> Judge:
    """The judge, except that in a share of its verdicts it names the first answer."""
    random = np.random.default_rng(seed)

    def judged(question: str, first: str, second: str) -> str:
        return "A" if random.random() < share else judge(question, first, second)

    return judged


# -- several systems ------------------------------------------------------------------


def bradley_terry(wins: np.ndarray, tolerance: float = 1e-10) -> np.ndarray:
    """The strengths (S,) under which the wins are most likely, with mean 0.

    wins (S,S): how often system i beat system j, half a win each for a tie. The model
    is p(i beats j) = 1 / (1 + exp(sⱼ − sᵢ)); the order of the games does not matter.
    Solved by Hunter's iteration, each step of which raises the likelihood.
    @bradley1952rank @hunter2004mm

    Raises PretrainError when no finite strengths are most likely: some systems never
    lost to any of the others.
    """
    wins = np.array(wins, dtype=float)
    S = len(wins)
    if wins.shape != (S, S) or S < 2 or (wins < 0).any() or not np.isfinite(wins).all():
        raise PretrainError(
            f"a table of wins of the shape {wins.shape}: give a square one of counts, "
            "for two systems or more"
        )
    np.fill_diagonal(wins, 0)
    reached = (np.eye(S) + wins) > 0
    for _ in range(S.bit_length()):  # chains of 2, 4, 8, … wins
        reached = reached.astype(float) @ reached > 0
    if not reached.all():
        raise PretrainError(
            "some systems never lost to any of the others, so no finite strengths fit: "
            "compare more answers, or leave those systems out"
        )
    games, won = wins + wins.T, wins.sum(1)
    p = np.ones(S)
    for _ in range(100_000):
        new = won / (games / (p[:, None] + p)).sum(1)
        new /= np.exp(np.log(new).mean())
        done = np.abs(np.log(new / p)).max() < tolerance
        p = new
        if done:
            break
    return np.log(p)


def elo_scale(strengths: np.ndarray, center: float = 1000.0) -> np.ndarray:
    """Strengths as chess writes them: 400 points more are odds of 10 to 1."""
    return center + np.asarray(strengths) * 400 / np.log(10)


def elo(
    games: Sequence[tuple[int, int, float]], systems: int, k: float = 32.0
) -> np.ndarray:
    """Ratings (S,) updated game by game, from 1000 each.

    ``games`` are (i, j, result): 1 if i won, 0 if j did, 0.5 for a tie. Unlike
    :func:`bradley_terry` the last games weigh most, so the order matters: good for
    players who change, not for systems that stay as they are.
    """
    ratings = np.full(systems, 1000.0)
    for i, j, result in games:
        expected = 1 / (1 + 10 ** ((ratings[j] - ratings[i]) / 400))
        ratings[i] += k * (result - expected)
        ratings[j] -= k * (result - expected)
    return ratings
