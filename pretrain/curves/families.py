"""Families of loss curves whose truth is known, to measure a detector with.

A family is a recipe for curves, drawn from a seed, and what must and must not be found
in them. A *miss*: something that must be found is not. A *false alarm*: something that
is not there is found. Every draw of a family counts once for each.

    family = FAMILIES["slow divergence, 5 % noise"]
    curve = family.draw(random.Counter(seed))
    missed, alarmed = judge(curve, curves.analyze(curve.loss))

The first curves are those of the source lesson: 10 t^−0.3 over 1,000 steps, and
1.7 + 9 t^−0.35 over 10,000. The others make it harder: noise with heavy tails, noise
that changes or remembers, a learning rate that drops, spikes of many shapes. What is
meant by each noise is a share of the loss, one standard deviation of a step. The
generator is the counter that JavaScript has too.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pretrain.curves.findings import Findings
from pretrain.random import Counter


@dataclass(frozen=True)
class Curve:
    """A loss (n,), and what is true of it.

    ``spikes``: first and last step of each. ``diverges``, ``flat``: True, False, or
    None where either answer is right. ``bad``: the first step that is not finite.
    ``judge_spikes``: False where other spikes than these may be reported.
    """

    loss: np.ndarray
    spikes: tuple[tuple[int, int], ...] = ()
    diverges: bool | None = False
    flat: bool | None = False
    bad: int | None = None
    judge_spikes: bool = True


@dataclass(frozen=True)
class Family:
    """``draw(generator)`` makes one curve; ``about`` says what is asked of it."""

    about: str
    draw: Callable[[Counter], Curve]


def judge(curve: Curve, found: Findings) -> tuple[bool, bool]:
    """(missed, alarmed) for one curve. A spike is found when one overlaps it."""
    hit = [
        any(s.start <= last and first <= s.end for s in found.spikes)
        for first, last in curve.spikes
    ]
    extra = any(
        not any(s.start <= b + 2 and a - 2 <= s.end for a, b in curve.spikes)
        for s in found.spikes
    )
    missed = (
        not all(hit)
        or bool(curve.diverges) and found.divergence is None
        or bool(curve.flat) and found.plateau is None
        or curve.bad != found.first_non_finite
    )
    alarmed = (
        extra and curve.judge_spikes
        or curve.diverges is False and found.divergence is not None
        or curve.flat is False and found.plateau is not None
    )
    return missed, alarmed


def normal(count: int, generator: Counter) -> np.ndarray:
    """Standard normal draws (count,), two uniform ones each (Box and Muller)."""
    radius, angle = generator.uniform(count), generator.uniform(count)
    return np.sqrt(-2 * np.log(1 - radius)) * np.cos(2 * np.pi * angle)


def student(count: int, freedom: int, generator: Counter) -> np.ndarray:
    """Draws of Student's t (count,), scaled to a standard deviation of 1."""
    squares = normal(count * freedom, generator).reshape(freedom, count) ** 2
    draws = normal(count, generator) / np.sqrt(squares.mean(0))
    return draws * np.sqrt((freedom - 2) / freedom)


def between(low: float, high: float, generator: Counter) -> float:
    return low + (high - low) * float(generator.uniform(1)[0])


def decay(n: int = 1000) -> np.ndarray:
    """The lesson's curve, without a floor."""
    return 10 * np.arange(1, n + 1) ** -0.3


def language(n: int = 10_000) -> np.ndarray:
    """Like a language model's: a floor of 1.7 nats."""
    return 1.7 + 9 * np.arange(1, n + 1) ** -0.35


def noisy(loss: np.ndarray, share, generator: Counter) -> np.ndarray:
    return loss * (1 + share * normal(len(loss), generator))


def healthy(loss: np.ndarray, share: float) -> Callable[[Counter], Curve]:
    return lambda generator: Curve(noisy(loss, share, generator))


def varied(generator: Counter) -> Curve:
    """Any floor, height, exponent and warm-up, falling by at least 4 % at the end."""
    while True:
        n = int(between(600, 4000, generator))
        floor, height = between(0, 2, generator), between(4, 12, generator)
        exponent, warm = between(0.2, 0.5, generator), between(0, 30, generator)
        loss = floor + height * (np.arange(1, n + 1) + warm) ** -exponent
        share = between(0.01, 0.03, generator)
        if loss[-1] < 0.96 * loss[n // 2]:
            return Curve(noisy(loss, share, generator))


def heavy(generator: Counter) -> Curve:
    return Curve(decay() * np.exp(0.05 * student(1000, 5, generator)))


def changing(generator: Counter) -> Curve:
    share = np.geomspace(0.10, 0.02, 1000)
    if generator.uniform(1)[0] < 0.5:
        share = share[::-1] / 2
    return Curve(noisy(decay(), share, generator))


def remembering(generator: Counter) -> Curve:
    """Noise of 5 %, correlated by 0.5 from one step to the next."""
    draws = normal(1000, generator)
    for i in range(1, 1000):
        draws[i] = 0.5 * draws[i - 1] + np.sqrt(0.75) * draws[i]
    return Curve(decay() * (1 + 0.05 * draws))


def rate_drop(generator: Counter) -> Curve:
    """The learning rate falls tenfold at once: so does a share of the loss."""
    at = int(between(300, 700, generator))
    loss = decay()
    loss[at:] *= 0.9 + 0.1 * np.exp(-np.arange(1000 - at) / 5)
    return Curve(noisy(loss, 0.03, generator))


def rate_decay(generator: Counter) -> Curve:
    """The learning rate falls in a line over the last fifth: the loss by 8 % more."""
    loss = language(4000)
    loss[3200:] *= np.linspace(1, 0.92, 800)
    return Curve(noisy(loss, 0.02, generator))


def spiked(
    times: float, at: int, share: float, width: int = 1
) -> Callable[[Counter], Curve]:
    """The lesson's curve, ``times`` as high for ``width`` steps from ``at`` on."""

    def draw(generator: Counter) -> Curve:
        loss = noisy(decay(), share, generator)
        loss[at : at + width] *= times
        return Curve(loss, ((at, at + width - 1),))

    return draw


def any_spike(generator: Counter) -> Curve:
    """1.6 to 4 times as high, for 1 to 25 steps, anywhere but within the end."""
    width = int(between(1, 26, generator))
    at = int(between(60, 940, generator))
    loss = noisy(decay(), 0.05, generator)
    loss[at : at + width] *= between(1.6, 4, generator)
    return Curve(loss, ((at, at + width - 1),))


def language_spike(generator: Counter) -> Curve:
    at = int(between(500, 9500, generator))
    loss = noisy(language(), 0.02, generator)
    loss[at : at + 30] += 0.7
    return Curve(loss, ((at, at + 29),))


def fading_spike(generator: Counter) -> Curve:
    """Up at once by 0.5 to 3 nats, and back with a half-life of 10 to 60 steps."""
    at = int(between(500, 9000, generator))
    height, half = between(0.5, 3, generator), between(10, 60, generator)
    loss = language()
    loss[at:] += height * 0.5 ** (np.arange(len(loss) - at) / half)
    width = int(half * np.log2(height / 0.1))  # until 0.1 nats are left
    return Curve(noisy(loss, 0.02, generator), ((at, at + width),))


def two_spikes(generator: Counter) -> Curve:
    loss = np.full(400, 2.0)
    loss[200] *= 60
    loss[250] *= 1.55
    return Curve(noisy(loss, 0.05, generator), ((200, 200), (250, 250)), flat=True)


def flattened(
    share: float, earliest: float = 0.5, latest: float = 0.5
) -> Callable[[Counter], Curve]:
    """The lesson's curve, which stops falling at a share of its steps."""

    def draw(generator: Counter) -> Curve:
        at = int(1000 * between(earliest, latest, generator))
        loss = decay()
        loss[at:] = loss[at]
        return Curve(noisy(loss, share, generator), flat=True)

    return draw


def constant(generator: Counter) -> Curve:
    return Curve(noisy(np.full(500, 2.0), 0.01, generator), flat=True)


def rising(share: float) -> Callable[[Counter], Curve]:
    """The lesson's slow divergence: by 35 % in a line over the last fifth."""

    def draw(generator: Counter) -> Curve:
        loss = decay()
        loss[800:] = np.linspace(loss[799], 1.35 * loss[799], 200)
        return Curve(
            noisy(loss, share, generator), diverges=True, judge_spikes=False
        )

    return draw


def blown_up(generator: Counter) -> Curve:
    """Up to three times the minimum or more over the last twentieth to fifth."""
    last = int(between(60, 200, generator))
    loss = decay()
    loss[-last:] *= np.geomspace(1, between(3, 8, generator), last)
    return Curve(noisy(loss, 0.05, generator), diverges=True, judge_spikes=False)


def stepped_up(generator: Counter) -> Curve:
    """Jumps to 1.3 to 2 times its height and stays there."""
    at = int(between(300, 900, generator))
    loss = decay()
    loss[at:] = loss[at] * between(1.3, 2, generator)
    return Curve(noisy(loss, 0.05, generator), diverges=True, judge_spikes=False)


def broken(value: float, at: int, until: int) -> Callable[[Counter], Curve]:
    def draw(generator: Counter) -> Curve:
        loss = noisy(decay(), 0.05, generator)
        loss[at:until] = value
        return Curve(loss, bad=at)

    return draw


NOTHING = "healthy: nothing to report"
SPIKE = "the spike found, nothing else"
FLAT = "the plateau found, nothing else"
UP = "the divergence found, no plateau"
LOST = "the first bad step found, nothing else"

FAMILIES = {
    "power law, 10 % noise": Family(NOTHING, healthy(decay(), 0.10)),
    "power law, 5 % noise": Family(NOTHING, healthy(decay(), 0.05)),
    "power law, 2 % noise": Family(NOTHING, healthy(decay(), 0.02)),
    "with a floor, 10,000 steps, 2 % noise": Family(NOTHING, healthy(language(), 0.02)),
    "with a floor, 1,000 steps, 5 % noise": Family(
        NOTHING, healthy(language(1000), 0.05)
    ),
    "any floor, exponent, warm-up": Family(NOTHING, varied),
    "heavy tails (t, 5 d.f.), 5 % noise": Family(NOTHING, heavy),
    "noise that changes, 2 to 10 %": Family(NOTHING, changing),
    "noise that remembers, 5 %": Family(NOTHING, remembering),
    "learning rate drops tenfold": Family(NOTHING, rate_drop),
    "learning rate decays at the end": Family(NOTHING, rate_decay),
    "spike 1.8 times, 10 % noise": Family(SPIKE, spiked(1.8, 500, 0.10)),
    "spike 5 times at step 50": Family(SPIKE, spiked(5, 50, 0.05)),
    "spike 2.2 times at the last step": Family(SPIKE, spiked(2.2, 999, 0.10)),
    "spike of any height, width, place": Family(SPIKE, any_spike),
    "spike of +0.7 nats for 30 of 10,000 steps": Family(SPIKE, language_spike),
    "spike that fades slowly, 10,000 steps": Family(SPIKE, fading_spike),
    "spike 1.55 times, after one of 60 times": Family(SPIKE, two_spikes),
    "flat last half, 2 % noise": Family(FLAT, flattened(0.02)),
    "flat last half, 5 % noise": Family(FLAT, flattened(0.05)),
    "flat last half, 10 % noise": Family(FLAT, flattened(0.10)),
    "flat since 30 to 50 %, 5 % noise": Family(FLAT, flattened(0.05, 0.3)),
    "flat last 30 %, 2 % noise": Family(FLAT, flattened(0.02, 0.7, 0.7)),
    "constant, 1 % noise": Family(FLAT, constant),
    "slow divergence, 2 % noise": Family(UP, rising(0.02)),
    "slow divergence, 5 % noise": Family(UP, rising(0.05)),
    "slow divergence, 10 % noise": Family(UP, rising(0.10)),
    "fast divergence": Family(UP, blown_up),
    "a step up that stays": Family(UP, stepped_up),
    "NaN to the end": Family(LOST, broken(np.nan, 900, 1000)),
    "infinite to the end": Family(LOST, broken(np.inf, 900, 1000)),
    "NaN for one step": Family(LOST, broken(np.nan, 500, 501)),
}
