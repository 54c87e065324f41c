"""Is B better than A, or was it luck? One test of n questions, and 2,000 like it.

    a question      A right?   B right?        one test
    equally hard    one draw for both          both right · only A · only B · neither
    for both                                   score of A, of B, with intervals
    else            a draw of its own each     B − A: paired, and as if unpaired

We know what nobody knows of a real model: its true accuracy. So the test can be given
again and again, and we see how often the worse model leads, and how often an interval
proves what is not so. Of several versions of B the one with the best score is shown,
as on a leaderboard.

Intervals are z = 1.96 standard errors to either side. For one score and for a paired
difference that is what `evaluation.bootstrap` comes to on this many questions (the
tests hold the two together). Draws are a `random.Counter`'s. A binomial count is read
off its sums with one draw, and the sums take only + − × ÷: so Python and the page count
the very same tests.
"""

import math
from bisect import bisect_right
from collections import Counter as Tally

import traitlets

from pretrain.errors import PretrainError
from pretrain.random import Counter
from pretrain.widgets.base import Number, Widget, box, label, module, one_of, svg

TESTS = 2000
Z = 1.96
SIZES = {
    50: "",
    100: "",
    164: "HumanEval",
    300: "",
    500: "",
    817: "TruthfulQA",
    1319: "GSM8K",
    2500: "",
    5000: "MATH",
    10_042: "HellaSwag",
    14_042: "MMLU",
}
"""Numbers of questions, and the benchmark that has as many."""
MOST = 25
"""Points at which the histogram of the lead ends; what is beyond is counted there."""


class BetterOrLuck(Widget):
    """Two models of known accuracy on one test, and on 2,000 tests like it.

    questions: of a test, one of SIZES. accuracy: A's true share of right answers. lead:
    B's true accuracy minus A's, −0.1 to 0.1. alike: the share of questions that both
    models find equally hard; the others are hard for each by itself. versions: of B,
    all of one true accuracy; the best score is kept. test: which of the 2,000 is shown
    closely, from 0. seed: of all draws.
    """

    _esm = module("luck")
    heights = (885, 1340)

    questions = traitlets.Int(164).tag(sync=True)
    accuracy = Number(0.6, 0.2, 0.8).tag(sync=True)
    lead = Number(0.02, -0.1, 0.1).tag(sync=True)
    alike = Number(0.5, 0.0, 1.0).tag(sync=True)
    versions = traitlets.Int(1).tag(sync=True)
    test = traitlets.Int(0).tag(sync=True)
    seed = traitlets.Int(1).tag(sync=True)

    @traitlets.validate("questions")
    def _check_questions(self, proposal):
        one_of("questions", str(proposal["value"]), map(str, SIZES))
        return proposal["value"]

    @traitlets.validate("versions", "test")
    def _check_count(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        least, most = {"versions": (1, 20), "test": (0, TESTS - 1)}[name]
        if not least <= value <= most:
            raise PretrainError(f"{name} is {value}: give {least} to {most}")
        return value

    def result(self) -> dict:
        """The test that is shown, and what the 2,000 of them come to.

        "counts": of both right, only A, only B, neither. "a", "b", "paired",
        "unpaired": {"value", "low", "high"}. "tests": in how many A leads, the two are
        equal, B leads, and the paired interval lies below 0 ("a_shown") and above
        ("b_shown"). "histogram": tests by B's lead in points, −25 to 25.
        """
        n, tests, leads = self.questions, dict.fromkeys(KEYS, 0), Tally()
        for i, (right, only_a, only_b) in enumerate(self._draw()):
            gap, found = only_b - only_a, paired(only_a, only_b, n)
            tests["a_leads" if gap < 0 else "b_leads" if gap > 0 else "equal"] += 1
            tests["a_shown"] += found["high"] < 0
            tests["b_shown"] += found["low"] > 0
            leads[gap] += 1
            if i == self.test:
                both = right - only_a
                counts = [both, only_a, only_b, n - both - only_a - only_b]
        both, only_a, only_b, _ = counts
        a, b = share(both + only_a, n), share(both + only_b, n)
        apart = math.sqrt(half(a) * half(a) + half(b) * half(b))
        return {
            "counts": counts,
            "a": a,
            "b": b,
            "paired": paired(only_a, only_b, n),
            "unpaired": around((only_b - only_a) / n, apart),
            "tests": tests,
            "histogram": histogram(leads, n),
        }

    def _draw(self):
        """For each test: A's right answers, and those that only A, only B has."""
        n, a, b = self.questions, self.accuracy, self.accuracy + self.lead
        both = self.alike * min(a, b) + (1 - self.alike) * (a * b)
        if_right, if_wrong = both / a, (b - both) / (1 - a)
        u = Counter(self.seed).uniform(TESTS * (1 + 2 * self.versions))
        rows = u.reshape(TESTS, -1).tolist()
        scores, tables = binomial(n, a), {}
        for first, *others in rows:
            right = quantile(scores, first)
            if right not in tables:
                tables[right] = binomial(right, if_right), binomial(n - right, if_wrong)
            kept, lost = tables[right]
            best = (0, -1)
            for x, y in zip(others[::2], others[1::2], strict=True):
                found = right - quantile(kept, x), quantile(lost, y)
                if best[1] < 0 or found[1] - found[0] > best[1] - best[0]:
                    best = found
            yield right, *best

    def alt(self) -> str:
        result = self.result()
        tests, b = result["tests"], "B" if self.versions == 1 else "the best B"
        return (
            f"Model A is right on {self.accuracy:.0%} of all questions and B on "
            f"{self.accuracy + self.lead:.1%}. In {TESTS:,} tests of "
            f"{self.questions:,} questions {b} leads in {tests['b_leads'] / TESTS:.0%}"
            f" and A in {tests['a_leads'] / TESTS:.0%}; the interval of the difference "
            f"lies above 0 in {tests['b_shown'] / TESTS:.1%}."
        )

    def picture(self) -> str:
        result = self.result()
        parts = [label(8, 18, "Better, or luck?", font_weight="bold")]
        most = max(result["histogram"])
        for i, count in enumerate(result["histogram"]):
            x, height = 20 + 9.4 * i, 120 * count / most
            color = "causal" if i < MOST else "ignored" if i == MOST else "masked"
            parts.append(box(x, 160 - height, 8, height, color))
        for points in (-20, -10, 0, 10, 20):
            x, shown = 24 + 9.4 * (points + MOST), f"{points:+d}" if points else "0"
            parts.append(label(x, 178, shown, anchor="middle"))
        parts.append(label(20, 198, "points that B leads by, in 2,000 tests", "muted"))
        for y, name in ((216, "paired"), (236, "unpaired")):
            found, place = result[name], []
            for bound in (found["low"], found["value"], found["high"]):
                place.append(24 + 9.4 * (max(-25, min(25, 100 * bound)) + MOST))
            parts.append(box(place[0], y, max(place[2] - place[0], 1), 3, "ink"))
            parts.append(box(place[1] - 4, y - 3, 8, 9, "ink"))
            parts.append(label(506, y + 6, name))
        return svg(580, 250, parts, self.alt())


KEYS = ("a_leads", "equal", "b_leads", "a_shown", "b_shown")


# -- intervals --------------------------------------------------------------------


def around(value: float, half_width: float) -> dict:
    return {"value": value, "low": value - half_width, "high": value + half_width}


def share(right: int, n: int) -> dict:
    """A share of right answers with its 95 % interval."""
    value = right / n
    return around(value, Z * math.sqrt(value * (1 - value) / n))


def half(found: dict) -> float:
    return (found["high"] - found["low"]) / 2


def paired(only_a: int, only_b: int, n: int) -> dict:
    """B's share minus A's, question by question, with its 95 % interval.

    A question counts −1 where only A is right, 1 where only B is, else 0.
    """
    value = (only_b - only_a) / n
    spread = (only_a + only_b) / n - value * value
    return around(value, Z * math.sqrt(max(spread, 0.0) / n))


def histogram(leads: Tally, n: int) -> list[float]:
    """Tests by lead, in bins one point wide around −25, …, 25 points.

    A lead of so many questions is spread over the points that lie nearest to it: where
    one question is 0.6 or 2 points, bins would else hold two leads here and none there.
    """
    bins = [0.0] * (2 * MOST + 1)
    for gap in sorted(leads):
        low, high = (100 * (gap + side) / n + MOST + 0.5 for side in (-0.5, 0.5))
        for i in range(math.floor(low), math.floor(high) + 1):
            part = (min(high, i + 1) - max(low, i)) / (high - low)
            bins[max(0, min(2 * MOST, i))] += leads[gap] * part
    return bins


# -- binomial counts from one draw ------------------------------------------------


def binomial(n: int, p: float) -> tuple[int, list[float]]:
    """The sums of a binomial's chances, not yet divided by their total.

    Returns the least count and, from there on, P(X ≤ count) × total. Chances below
    1e-15 of the greatest are left out.
    """
    if n == 0 or p <= 1e-12:
        return 0, [1.0]
    if p >= 1 - 1e-12:
        return n, [1.0]
    odds, mode = p / (1 - p), min(n, math.floor((n + 1) * p))
    below, above = [], [1.0]
    x, chance = mode, 1.0
    while x > 0 and chance > 1e-15:
        chance = chance * x / (n - x + 1) / odds
        x -= 1
        below.append(chance)
    least, x = x, mode
    while x < n and above[-1] > 1e-15:
        above.append(above[-1] * (n - x) / (x + 1) * odds)
        x += 1
    sums, total = [], 0.0
    for chance in below[::-1] + above:
        total += chance
        sums.append(total)
    return least, sums


def quantile(table: tuple[int, list[float]], u: float) -> int:
    """The count whose chances reach past ``u``, a draw from [0, 1)."""
    least, sums = table
    return least + min(bisect_right(sums, u * sums[-1]), len(sums) - 1)
