"""The loss-curve explorer: runs side by side, their raw values always in sight.

    loss │ ·.
         │  ·:·.    ▽ a spike
         │     '·.:.·.______   smoothed, from every value
         │- - - - - - - - - -  the entropy of the text, where it is known
         └──────────────────── step, tokens, seconds or FLOPs

It shows what `pretrain.curves` finds, and reads the reader's own logs
(`curve_files.py`). A browser does all of it; golden files hold it to the Python. Values
travel as float64, so NaN and the last digit arrive.

In a notebook it follows a run while it trains:

    explorer = CurveExplorer()           # show it in a cell
    follow = explorer.follow("runs/a")
    fit(model, objective, corpus, run_dir="runs/a", after_evaluation=follow)
"""

import math
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import traitlets

from pretrain.curves import analyze, centered, exponential, gaussian, power_law
from pretrain.errors import PretrainError
from pretrain.runs import RunLog, read_log
from pretrain.style import PALETTE
from pretrain.widgets.base import Number, Widget, box, label, module, one_of, svg
from pretrain.widgets.curve_files import (
    CurveRun,
    Series,
    assemble,
    from_log,
    read_file,
)

COLORS = ("causal", "masked", "prefix", "span", "corrupted", "scored")
GLYPHS = "●■▲◆▼✚★"
PLACES = ("step", "tokens", "seconds", "flops")
UNITS = ("nats", "bits", "perplexity", "bpb")
SMOOTHINGS = ("off", "exponential", "window", "gaussian")


def packed(runs: list[CurveRun], _widget=None) -> list[dict]:
    """Runs as a page gets them: arrays as little-endian float64 bytes."""

    def array(values):
        return None if values is None else np.asarray(values, "<f8").tobytes()

    return [
        {
            "name": run.name,
            "group": run.group,
            "floor": run.floor,
            "bytes": run.bytes_per_token,
            "series": {
                key: {name: array(x) for name, x in vars(one).items()}
                for key, one in run.series.items()
            },
        }
        for run in runs
    ]


def as_runs(given: Iterable) -> list[CurveRun]:
    """Runs from runs, run logs, and paths of files or of folders with a log.

    Raises PretrainError for anything else, and where a file cannot be read.
    """
    if isinstance(given, str | Path | CurveRun | RunLog):
        given = [given]
    found: list[CurveRun] = []
    for one in given:
        if isinstance(one, CurveRun):
            found.append(one)
        elif isinstance(one, RunLog):
            found.append(from_log(one))
        elif isinstance(one, str | Path):
            found += read_file(one)
        else:
            raise PretrainError(
                f"a run is {type(one).__name__}: give a run log, a path or a CurveRun"
            )
    return found


def smoothed(values: np.ndarray, smoothing: str, strength: float) -> np.ndarray:
    """Values (n,) smoothed over about ``strength`` of them, as the controls do."""
    if smoothing == "exponential":
        return exponential(values, 1 - 1 / strength)
    if smoothing == "window":
        return centered(values, 2 * math.floor(strength / 2) + 1)
    return gaussian(values, strength) if smoothing == "gaussian" else values


def in_unit(nats: float, unit: str, bytes_per_token: float | None) -> float:
    """A loss in nats a token in another unit: bits, perplexity or bits per byte."""
    if unit == "perplexity":
        return float(np.exp(nats))
    share = {"bits": math.log(2), "bpb": math.log(2) * (bytes_per_token or math.nan)}
    return nats / share.get(unit, 1.0)


class CurveExplorer(Widget):
    """Look at the curves of one or several runs.

    runs: run logs, paths, or `CurveRun`s. metric: which curve. x: "step", "tokens",
    "seconds" or "flops". unit: "nats", "bits", "perplexity" or "bpb" (bits per byte).
    smoothing: "off", "exponential", "window" or "gaussian", over ``strength`` values.
    x_log, y_log: logarithmic axes. marks: show what `curves.analyze` finds. fit: a
    power law with its floor. bands: of runs of one group. floor: entropy of the text in
    nats a token, for runs that do not say. bytes_per_token: likewise; 0 for unknown.
    view: the part of x that is shown, [from, to]; [] for all. hidden: names of runs.
    """

    _esm = module("curves")
    heights = (1250, 1705)

    runs = traitlets.List().tag(sync=True, to_json=packed)
    metric = traitlets.Unicode("loss").tag(sync=True)
    x = traitlets.Unicode("step").tag(sync=True)
    unit = traitlets.Unicode("nats").tag(sync=True)
    smoothing = traitlets.Unicode("off").tag(sync=True)
    strength = Number(50.0, 1.0, 2000.0).tag(sync=True)
    x_log = traitlets.Bool(False).tag(sync=True)
    y_log = traitlets.Bool(False).tag(sync=True)
    marks = traitlets.Bool(True).tag(sync=True)
    fit = traitlets.Bool(False).tag(sync=True)
    bands = traitlets.Bool(True).tag(sync=True)
    floor = traitlets.Float(None, allow_none=True).tag(sync=True)
    bytes_per_token = Number(0.0, 0.0, 1000.0).tag(sync=True)
    view = traitlets.List(traitlets.Float(), maxlen=2).tag(sync=True)
    hidden = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, runs=(), **controls):
        runs = as_runs(runs)
        metrics = dict.fromkeys(key for run in runs for key in run.series)
        if runs and "metric" not in controls and "loss" not in metrics:
            losses = [key for key in metrics if "loss" in key.lower()]
            controls["metric"] = (losses or list(metrics))[0]
        super().__init__(runs=runs, **controls)

    @traitlets.validate("x")
    def _check_x(self, proposal):
        return one_of("x", proposal["value"], PLACES)

    @traitlets.validate("unit")
    def _check_unit(self, proposal):
        return one_of("unit", proposal["value"], UNITS)

    @traitlets.validate("smoothing")
    def _check_smoothing(self, proposal):
        return one_of("smoothing", proposal["value"], SMOOTHINGS)

    def follow(self, run_dir: str | Path | None = None, name: str = "now") -> Callable:
        """A callback for ``fit(…, after_evaluation=…)`` that shows the run so far.

        With the run's folder every logged step is shown, without it the values at the
        evaluations. At each evaluation the curve grows; other runs stay.
        """
        seen: list[dict] = []

        def update(model, record: dict) -> None:
            seen.append(dict(record))
            if run_dir is not None:
                log = read_log(Path(run_dir) / "log.jsonl")
                log.records.append(dict(record))
                grown = from_log(log, name)
            else:
                grown = assemble(name, seen)
            others = [run for run in self.runs if run.name != name]
            self.runs = [*others, grown]

        return update

    def result(self) -> list[dict]:
        """What is shown of each run, by the package's own functions."""
        is_loss = "loss" in self.metric.lower()
        found = []
        for run in self.runs:
            one = run.series.get(self.metric)
            size = run.bytes_per_token or self.bytes_per_token or None
            unit = self.unit if is_loss else "nats"
            known = one is not None and getattr(one, self.x) is not None
            if not known or run.name in self.hidden or (unit == "bpb" and not size):
                continue
            smooth = smoothed(one.value, self.smoothing, self.strength)[-1]
            off = self.smoothing == "off"
            found.append(
                {
                    "name": run.name,
                    "points": len(one.value),
                    "step": float(one.step[-1]),
                    "value": in_unit(one.value[-1], unit, size),
                    "smoothed": None if off else in_unit(smooth, unit, size),
                    "notes": notes(one) if self.marks and is_loss else [],
                    "fit": fitted(one) if self.fit else None,
                }
            )
        return found

    def alt(self) -> str:
        shown = [run for run in self.runs if self.metric in run.series]
        if not shown:
            return "An empty plot of loss curves: there is no run in it yet."
        ends = [
            f"{run.name} ends at {run.series[self.metric].value[-1]:.3f} after step "
            f"{run.series[self.metric].step[-1]:g}"
            for run in shown[:6]
        ]
        return f"Curves of {self.metric} against the step: {'; '.join(ends)}."

    def picture(self) -> str:
        shown = [run.series[self.metric] for run in self.runs
                 if self.metric in run.series]
        names = [run.name for run in self.runs if self.metric in run.series]
        parts = [
            label(8, 18, "Loss curves", font_weight="bold"),
            box(50, 300, 640, 1, "muted"),
            box(50, 30, 1, 270, "muted"),
            label(370, 322, "step", "muted", anchor="middle"),
        ]
        values = [v for one in shown for v in one.value if math.isfinite(v)]
        if not values:
            parts.append(label(370, 160, "no curve yet", "muted", anchor="middle"))
            return svg(700, 340, parts, self.alt())
        low, high = min(values), max(values)
        room = (high - low) * 0.05 or 1.0
        low, high = low - room, high + room
        first = min(one.step[0] for one in shown)
        wide = max(one.step[-1] for one in shown) - first or 1.0
        for share in (0.0, 0.5, 1.0):
            height = 300 - 270 * share
            text = f"{low + share * (high - low):.3g}"
            parts.append(label(44, height + 4, text, "muted", anchor="end"))
        for i, one in enumerate(shown):
            color = COLORS[i % len(COLORS)]
            points = " ".join(
                f"{50 + 640 * (s - first) / wide:.1f},"
                f"{300 - 270 * (v - low) / (high - low):.1f}"
                for s, v in outline(one)
            )
            parts.append(
                f'<polyline points="{points}" fill="none" stroke="{PALETTE[color]}"/>'
            )
            text = f"{GLYPHS[i % len(GLYPHS)]} {names[i][:60]}"
            parts.append(label(60, 346 + 18 * i, text, color))
        return svg(700, 350 + 18 * len(shown), parts, self.alt())


def outline(one: Series, columns: int = 300) -> list[tuple[float, float]]:
    """The lowest and the highest finite value of each column, in the order of steps."""
    kept = np.isfinite(one.value)
    step, value = one.step[kept], one.value[kept]
    found = []
    for part in np.array_split(np.arange(len(step)), min(columns, max(len(step), 1))):
        if len(part):
            ends = {part[value[part].argmin()], part[value[part].argmax()]}
            found += [(step[i], value[i]) for i in sorted(ends)]
    return found


def notes(one: Series) -> list[str]:
    """The sentences of `analyze`, or the one that says why there are none."""
    try:
        return list(analyze(one.value, whole(one.step)).notes)
    except PretrainError as error:
        return [str(error)]


def fitted(one: Series) -> list[list[float]] | str:
    """Floor, height and exponent, each with its interval, or why there is no fit."""
    try:
        law = power_law(one.value, one.step)
    except PretrainError as error:
        return str(error)
    return [[i.value, i.low, i.high] for i in (law.floor, law.height, law.exponent)]


def whole(step: np.ndarray) -> np.ndarray:
    """Steps as integers where they are, so that sentences say 5 and not 5.0."""
    return step.astype(np.int64) if (step == np.floor(step)).all() else step
