"""What is wrong with a loss curve, if anything: four questions, in this order.

    1. Is it finite?      The first NaN or infinity; the rest looks at finite values.
    2. Has it spikes?     Steps far above the median around them (spikes.py).
    3. Does it diverge?   The last two blocks of steps above the lowest block so far.
    4. Has it stopped?    The slope of windowed means over the last half, the last
                          third, the last quarter; flat if its interval holds 0 and
                          leaves no room for a fall worth waiting for.

All in log loss, so that 2 % is 2 % on every curve. Every question can be answered "the
curve is too short" or "too noisy to tell", as a sentence in ``notes``. Nothing is
drawn at random. `benchmarks/curve_analysis.py` measures how often it is wrong.
"""

from dataclasses import dataclass

import numpy as np

from pretrain.curves import spikes as spiky
from pretrain.curves.smoothing import as_curve
from pretrain.errors import PretrainError

SHORTEST = 40  # finite values below which only finiteness is judged
BLOCKS = 50  # blocks of a curve, in which divergence is judged
RISE = 0.05  # a rise of the log loss below this is no divergence
RISE_SIGMAS = 5.0  # nor one below so many standard deviations of a block
WINDOWS = 12  # windowed means under a slope
STUDENT = 3.169  # 99.5 % point of Student's t with WINDOWS − 2 degrees of freedom
NOTHING = 0.005  # a fall this small counts as none
# Ends of a curve that may be flat, and the change of log loss, taken over half of the
# curve, that the interval of a flat one may not leave open: else "too noisy to tell".
TAILS = ((1 / 2, 0.12), (1 / 3, 0.06), (1 / 4, 0.04))


@dataclass(frozen=True)
class Spike:
    """Steps ``start`` to ``end``; ``height`` in nats above the curve, at its highest.

    ``sigmas``: the same in robust standard deviations of the log loss.
    ``recovered``: the steps after it are back on the curve.
    """

    start: int
    end: int
    height: float
    sigmas: float
    recovered: bool


@dataclass(frozen=True)
class Plateau:
    """Flat since the step ``start``; ``slope`` in nats a step, 99 % interval."""

    start: int
    slope: float
    low: float
    high: float


@dataclass(frozen=True)
class Divergence:
    """Above its minimum since the step ``since``, at the end by ``rise`` nats."""

    since: int
    rise: float


@dataclass(frozen=True)
class Findings:
    """What :func:`analyze` found; ``notes`` says it in sentences."""

    first_non_finite: int | None
    spikes: tuple[Spike, ...]
    plateau: Plateau | None
    divergence: Divergence | None
    notes: tuple[str, ...]


def analyze(loss, step=None) -> Findings:
    """Look at a training curve for non-finite values, spikes, divergence, a plateau.

    Args:
        loss: nats a step, (n,), one value a logged step, neither smoothed nor thinned.
        step: the steps, (n,), increasing; 0 to n − 1 without.
    Returns: Findings.
    Raises: PretrainError for no values, negative losses, steps that do not increase.
    """
    values, finite = as_curve(loss)
    steps = np.arange(len(values)) if step is None else np.asarray(step)
    if steps.shape != values.shape:
        raise PretrainError(
            f"{len(values)} losses and {steps.size} steps: give one step a loss"
        )
    if len(steps) > 1 and not (np.diff(steps) > 0).all():
        raise PretrainError("the steps do not increase: sort the records by step")
    if (values[finite] < 0).any():
        raise PretrainError(
            f"the loss is negative at step {steps[finite & (values < 0)][0]}: a "
            "cross-entropy is never below 0"
        )
    notes: list[str] = []
    bad = None
    if not finite.all():
        bad = int(steps[~finite][0])
        notes.append(not_finite(steps, finite))
    x, y = steps[finite], np.log(np.maximum(values[finite], 1e-9))
    if len(y) < SHORTEST:
        notes.append(
            f"{len(y)} finite values are too few to judge spikes, divergence or a "
            f"plateau; it takes {SHORTEST}."
        )
        return Findings(bad, (), None, None, tuple(notes))
    found, base, z = spiky.find(y)
    spikes = tuple(as_spike(x, y, base, z, *one) for one in found)
    clean = np.ones(len(y), dtype=bool)
    for first, last, _ in found:
        clean[first : last + 1] = False
    divergence = find_divergence(x, y)
    plateau = None
    for spike in spikes:
        notes.append(say_spike(spike))
    if divergence:
        notes.append(
            f"The loss diverges: since step {divergence.since} it has risen by "
            f"{divergence.rise:.2f} nats above its minimum."
        )
    else:
        plateau, said = find_plateau(x, y, clean)
        notes.append(said)
    return Findings(bad, spikes, plateau, divergence, tuple(notes))


def not_finite(steps: np.ndarray, finite: np.ndarray) -> str:
    """The sentence about NaN and infinities: for good, or here and there."""
    first, count = int(np.argmin(finite)), int((~finite).sum())
    if not finite[first:].any():
        return (
            f"The loss is not finite from step {steps[first]} on: the run is lost "
            "there; what follows is about the steps before."
        )
    return (
        f"The loss is not finite at {count} step{'s' if count > 1 else ''}, first at "
        f"step {steps[first]}; what follows is about the others."
    )


def as_spike(x, y, base, z, first: int, last: int, recovered: bool) -> Spike:
    top = first + int(np.argmax(y[first : last + 1] - base[first : last + 1]))
    height = float(np.exp(y[top]) - np.exp(base[top]))
    return Spike(int(x[first]), int(x[last]), height, float(z[top]), bool(recovered))


def say_spike(spike: Spike) -> str:
    where = (
        f"at step {spike.start}"
        if spike.start == spike.end
        else f"from step {spike.start} to {spike.end}"
    )
    after = "and is back" if spike.recovered else "and is not back on its curve since"
    return (
        f"The loss spikes {where}, by {spike.height:.2f} nats "
        f"({spike.sigmas:.0f} times its usual noise), {after}."
    )


def find_divergence(x: np.ndarray, y: np.ndarray) -> Divergence | None:
    """Are the last two blocks above the lowest one, by more than blocks vary?

    Blocks are judged by their medians, which a spike does not move, and their own
    spread by the median change from one to the next.
    """
    n = len(y)
    size = max(4, n // BLOCKS)
    ends = np.arange(n, 0, -size)[::-1]  # whole blocks, counted from the end
    ends = ends[ends >= size]
    level = np.array([np.median(y[end - size : end]) for end in ends])
    change = np.diff(level)
    spread = (
        spiky.ROBUST * np.median(np.abs(change - np.median(change))) / np.sqrt(2)
    )
    lowest = int(np.argmin(level))
    rise = level[-2:] - level[lowest]
    if lowest >= len(level) - 2 or rise.min() <= max(RISE, RISE_SIGMAS * spread):
        return None
    up = float(np.exp(level[-1]) - np.exp(level[lowest]))
    return Divergence(int(x[ends[lowest] - 1]), up)


def slope(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope of WINDOWS windowed means of y (n,) on x, and half its 99 % interval.

    Means over windows, so that noise which is alike from step to step counts once.
    """
    parts = np.array_split(np.arange(len(y)), WINDOWS)
    u = np.array([x[part].mean() for part in parts])
    v = np.array([y[part].mean() for part in parts])
    u0 = u - u.mean()
    fall = float(u0 @ v / (u0 @ u0))
    rest = v - v.mean() - fall * u0
    error = np.sqrt(rest @ rest / (WINDOWS - 2) / (u0 @ u0))
    return fall, float(STUDENT * error)


def find_plateau(
    x: np.ndarray, y: np.ndarray, clean: np.ndarray
) -> tuple[Plateau | None, str]:
    """A plateau at the end of the curve, and a sentence about its slope."""
    whole = None  # the change over the last half: a 99 % interval
    for share, open_to in TAILS:
        tail = (x >= x[-1] - share * (x[-1] - x[0])) & clean
        if tail.sum() < 3 * WINDOWS:
            continue
        span = float(x[-1] - x[tail][0])
        rate, half = slope(x[tail].astype(float), y[tail])
        scale = span * 0.5 / share
        low, high = (rate - half) * scale, (rate + half) * scale
        whole = whole or (low, high)
        flat = low <= 0 <= high or (-NOTHING < low and high < NOTHING)
        if flat and -open_to < low and high < open_to:
            level = float(np.exp(y[tail].mean()))
            start = begin(x, y, clean, tail)
            found = Plateau(
                start, rate * level, (rate - half) * level, (rate + half) * level
            )
            return found, (
                f"The loss is flat since about step {start}: over the last {share:.0%} "
                f"of the steps it changed by {percent(rate * span)} "
                f"({percent((rate - half) * span)} to {percent((rate + half) * span)})."
            )
    if whole is None:
        return None, "The curve is too short to tell whether it still falls."
    if whole[0] <= 0 <= whole[1]:
        return None, (
            "The loss is too noisy to tell whether it still falls: over the last half "
            f"of the steps it changed by between {percent(whole[0])} and "
            f"{percent(whole[1])}."
        )
    way, sizes = ("still falls", whole[::-1]) if whole[1] < 0 else ("rises", whole)
    least, most = (percent(size).lstrip("+-") for size in sizes)
    by = f"by between {least} and {most}"
    return None, f"The loss {way}, {by} over the last half of the steps."


def percent(change: float) -> str:
    """A change of the log loss, as a percentage of the loss."""
    return f"{100 * np.expm1(change):+.1f} %"


def begin(x, y, clean, tail) -> int:
    """Walk back from the flat tail, window by window, while they stay on its level."""
    ys, xs = y[clean], x[clean]
    first = int(np.argmax(xs >= x[tail][0]))
    size = max(3, len(ys[first:]) // WINDOWS)
    level, spread = ys[first:].mean(), ys[first:].std() / np.sqrt(size)
    while first > 0:
        before = ys[max(0, first - size) : first]
        if abs(before.mean() - level) > max(3 * spread, NOTHING):
            break
        first -= len(before)
    return int(xs[first])
