"""How often is the analysis of loss curves wrong? Ours, and the source lesson's rules.

    python benchmarks/curve_analysis.py [--draws 2000] [--seed 1]

For every family of `pretrain.curves.families`: the share of curves on which something
that is there is missed, and the share on which something that is not there is
reported, with 95 % intervals (Wilson). The lesson's rules are written afresh: a spike
is 1.5 times the mean of the 100 steps before, a plateau is a last fifth that improves
by less than 1 % from its first to its last value, divergence is a last value above the
80th percentile.

The thresholds were chosen on draws with seeds below 1,000,000 (``--tuning``); what is
reported starts there. `benchmarks/results/curve_analysis.md` holds what was measured.
"""

import argparse

import numpy as np

from pretrain import random
from pretrain.curves import Divergence, Findings, Plateau, Spike, analyze
from pretrain.curves.families import FAMILIES, judge

REPORTED = 1_000_000  # seeds below this chose the thresholds


def lesson(loss: np.ndarray, window: int = 100) -> Findings:
    """The rules of the source lesson, as a Findings: the reference to compare with."""
    n, last = len(loss), int(0.2 * len(loss))
    sums = np.cumsum(np.r_[0.0, loss])
    before = (sums[window:n] - sums[: n - window]) / window
    at = np.flatnonzero(loss[window:] > 1.5 * before) + window
    spikes = tuple(Spike(int(i), int(i), 0.0, 0.0, True) for i in at)
    improved = (loss[-last] - loss[-1]) / loss[-last]
    plateau = Plateau(n - last, 0.0, 0.0, 0.0) if improved < 0.01 else None
    up = loss[-1] > np.percentile(loss, 80)
    return Findings(None, spikes, plateau, Divergence(n - 1, 0.0) if up else None, ())


def interval(hits: int, draws: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    z, p = 1.96, hits / draws
    middle = (p + z**2 / (2 * draws)) / (1 + z**2 / draws)
    half = z * np.sqrt(p * (1 - p) / draws + z**2 / (4 * draws**2)) / (1 + z**2 / draws)
    return max(0.0, middle - half), min(1.0, middle + half)


def measure(name: str, draws: int, seed: int) -> np.ndarray:
    """Missed and alarmed counts of one family: ours, then the lesson's (2, 2)."""
    counts = np.zeros((2, 2), dtype=int)
    for i in range(draws):
        curve = FAMILIES[name].draw(random.Counter(seed + i))
        for k, rules in enumerate((analyze, lesson)):
            counts[k] += judge(curve, rules(curve.loss))
    return counts


def show(hits: int, draws: int) -> str:
    low, high = interval(hits, draws)
    return f"{100 * hits / draws:5.1f} ({100 * low:4.1f} to {100 * high:5.1f})"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--draws", type=int, default=2000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", default="", help="families whose name holds this")
    options.add_argument("--tuning", action="store_true", help="the tuning draws")
    asked = options.parse_args()
    print(f"{asked.draws} draws a family; % missed and % false alarm, 95 % intervals")
    heads = ("missed", "false alarm", "lesson: missed", "lesson: false alarm")
    print(f"{'':42}" + "".join(f"{head:>23}" for head in heads))
    start = asked.seed * 10_000 if asked.tuning else REPORTED * (1 + asked.seed)
    np.seterr(invalid="ignore")  # the lesson's rules on curves with NaN
    for number, name in enumerate(FAMILIES):
        if asked.only not in name:
            continue
        seed = start + (0 if asked.tuning else 10_000 * number)
        counts = measure(name, asked.draws, seed)
        row = [show(hits, asked.draws) for hits in counts.ravel()]
        print(f"{name:42}" + "".join(f"{cell:>23}" for cell in row), flush=True)


if __name__ == "__main__":
    main()
