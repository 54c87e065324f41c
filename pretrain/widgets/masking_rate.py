"""Masking-rate results: what a sweep of the rate measured, with its seeds.

    accuracy │     ▒▒●▒▒●▒▒          ● mean over seeds   ▒ 95 % interval over seeds
             │ ▒●▒▒      ▒▒●▒        · one seed
             └──────────────────
               10 %   40 %  80 %     rate in training

Nothing is computed here but differences: it shows the committed summary of
``python -m pretrain.experiments masking-rate`` (`experiments.tables.read_summary`),
or one of the reader's own runs of it. The two intervals of two rates may overlap where
their difference is sure, because the rates of one seed share initial weights and
documents; so the difference from 15 % is told with an interval of its own, of the
differences seed by seed.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import traitlets
from scipy.special import stdtrit

from pretrain.errors import PretrainError
from pretrain.style import PALETTE
from pretrain.widgets.base import Widget, box, label, module, one_of, svg

MEASURES = {
    "excess": "loss above the exact floor (nats)",
    "loss": "loss at the scored tokens (nats)",
    "accuracy": "accuracy at the scored tokens",
    "probe": "accuracy of the probe",
    "scored": "share of tokens scored in a pass",
}
"""What can be shown, of the measures of the experiment."""

FEWER = ("excess", "loss")
"""Measures of which less is better; the share scored is neither."""

SPLITS = {"mask": "all <mask>", "bert": "80/10/10"}
REFERENCE = 0.15


def difference(values: Sequence[float], others: Sequence[float]) -> list[float | None]:
    """Mean and Student's 95 % interval of values − others, seed by seed.

    The interval is [None, None] for one seed. @student1908probable
    """
    each = np.asarray(values, dtype=np.float64) - np.asarray(others, dtype=np.float64)
    n = len(each)
    if n == 1:
        return [float(each[0]), None, None]
    half = stdtrit(n - 1, 0.975) * each.std(ddof=1) / math.sqrt(n)
    return [float(each.mean()), float(each.mean() - half), float(each.mean() + half)]


def points(summary: Mapping) -> dict:
    """Split → measure → points in the order of rates, out of a summary.

    A point is {"rate", "mean", "low", "high", "values", "difference"}; low and high
    are None for one seed, and the difference is from the rate 15 %, None without it.
    Raises PretrainError for a summary of something else.
    """
    found: dict = {}
    for arm, measures in summary.get("arms", {}).items():
        split, _, rate = arm.partition("-")
        try:
            number = float(rate)
        except ValueError:
            number = math.nan
        if split not in SPLITS or not 0 < number <= 1:
            raise PretrainError(
                f"the arm {arm!r} is no masking rate: give the summary of "
                "masking-rate, whose arms are such as mask-0.15"
            )
        for name in MEASURES:
            if name in measures:
                cell = measures[name]
                point = {key: cell[key] for key in ("mean", "low", "high", "values")}
                found.setdefault(split, {}).setdefault(name, []).append(
                    {"rate": number, **point}
                )
    if not found:
        raise PretrainError(
            "the summary has no arms with a measure that is known here: give "
            "read_summary('masking-rate')"
        )
    for of_split in found.values():
        for cells in of_split.values():
            cells.sort(key=lambda cell: cell["rate"])
            _add_differences(cells)
    return found


def _add_differences(cells: list[dict]) -> None:
    reference = [cell["values"] for cell in cells if cell["rate"] == REFERENCE]
    for cell in cells:
        paired = reference and len(reference[0]) == len(cell["values"])
        cell["difference"] = (
            difference(cell["values"], reference[0]) if paired else None
        )


class MaskingRateResults(Widget):
    """The measured sweep of the masking rate.

    summary: of the experiment masking-rate, as `experiments.tables.read_summary` gives.
    measure: one of MEASURES. shown: "mask", "bert" or "both". rate: which point is
    told. view: "chart" or "table".
    """

    _esm = module("masking_rate")
    heights = (735, 1010)

    data = traitlets.Dict().tag(sync=True)
    measure = traitlets.Unicode("accuracy").tag(sync=True)
    shown = traitlets.Unicode("both").tag(sync=True)
    rate = traitlets.Float(0.4).tag(sync=True)
    view = traitlets.Unicode("chart").tag(sync=True)

    def __init__(self, summary: Mapping, **settings) -> None:
        data = points(summary)
        if "rate" not in settings:
            rates = {c["rate"] for m in data.values() for cs in m.values() for c in cs}
            settings["rate"] = min(rates, key=lambda rate: (abs(rate - 0.4), rate))
        if "measure" not in settings:
            there = [m for m in MEASURES if any(m in of for of in data.values())]
            settings["measure"] = "accuracy" if "accuracy" in there else there[0]
        if "shown" not in settings and len(data) == 1:
            settings["shown"] = next(iter(data))
        super().__init__(data=data, **settings)

    @traitlets.validate("measure")
    def _check_measure(self, proposal):
        there = [m for m in MEASURES if any(m in of for of in self.data.values())]
        return one_of("measure", proposal["value"], there)

    @traitlets.validate("shown")
    def _check_shown(self, proposal):
        there = [*self.data] if len(self.data) == 1 else [*SPLITS, "both"]
        return one_of("shown", proposal["value"], there)

    @traitlets.validate("view")
    def _check_view(self, proposal):
        return one_of("view", proposal["value"], ("chart", "table"))

    @traitlets.validate("rate")
    def _check_rate(self, proposal):
        rates = {
            c["rate"] for m in self.data.values() for cells in m.values() for c in cells
        }
        if proposal["value"] not in rates:
            told = ", ".join(f"{rate:g}" for rate in sorted(rates))
            raise PretrainError(
                f"the rate {proposal['value']} was not run: give one of {told}"
            )
        return proposal["value"]

    def result(self) -> dict:
        """What the widget shows: split → points of the measure, the best, the told."""
        found = {}
        for split in SPLITS if self.shown == "both" else (self.shown,):
            cells = self.data[split].get(self.measure, [])
            best = min if self.measure in FEWER else max
            found[split] = {
                "points": cells,
                "best": best(cells, key=lambda cell: cell["mean"])["rate"],
                "told": next(c for c in cells if c["rate"] == self.rate),
            }
        return found

    def alt(self) -> str:
        told = []
        for split, found in self.result().items():
            first, last = found["points"][0], found["points"][-1]
            best = next(c for c in found["points"] if c["rate"] == found["best"])
            told.append(
                f"{SPLITS[split]}, {first['mean']:.3f} at {first['rate']:.0%}, "
                f"{best['mean']:.3f} at {best['rate']:.0%} and {last['mean']:.3f} at "
                f"{last['rate']:.0%}"
            )
        name = MEASURES[self.measure]
        return f"The {name} against the masking rate: {'; '.join(told)}."

    def picture(self) -> str:
        title = f"{MEASURES[self.measure]} against the masking rate"
        parts = [label(8, 18, title[0].upper() + title[1:], font_weight="bold")]
        result = self.result()
        ends = [
            value
            for found in result.values()
            for cell in found["points"]
            for value in (cell["mean"], cell["low"], cell["high"])
            if value is not None
        ]
        low, high = min(ends), max(ends)
        span = high - low or 1.0

        def place(rate, value):
            return 60 + 420 * rate, 220 - 170 * (value - low) / span

        for value in (low, high):
            y = place(0, value)[1] + 4
            parts.append(label(52, y, f"{value:.3f}", anchor="end"))
        for rate in (0.2, 0.4, 0.6, 0.8):
            parts.append(label(place(rate, 0)[0], 252, f"{rate:.0%}", anchor="middle"))
        for split, found in result.items():
            color = "causal" if split == "mask" else "masked"
            line = " ".join(
                "{:.1f},{:.1f}".format(*place(cell["rate"], cell["mean"]))
                for cell in found["points"]
            )
            dashes = ' stroke-dasharray="6 4"' if split == "bert" else ""
            parts.append(
                f'<polyline points="{line}" fill="none" stroke="{PALETTE[color]}" '
                f'stroke-width="2"{dashes}/>'
            )
            for cell in found["points"]:
                x, y = place(cell["rate"], cell["mean"])
                parts.append(box(x - 4, y - 4, 8, 8, color))
            x, y = place(*[found["points"][-1][key] for key in ("rate", "mean")])
            parts.append(label(x + 10, y + 4, SPLITS[split], color))
        return svg(520, 264, parts, self.alt())
