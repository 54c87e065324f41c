"""What a run costs, and whether it fits: a calculator.

    N, tokens ──6 N tokens──> operations ──chips, peak, used──> days ──price──> dollars
    N, rows, length ────────> memory of one chip, part by part, beside what it has

Every number comes from `pretrain.scale`, which the chapter on scale holds against
counts and measurements.
"""

import traitlets

from pretrain import scale
from pretrain.errors import PretrainError
from pretrain.widgets.base import Number, Widget, box, label, module, one_of, svg

LENGTHS = (512, 1024, 2048, 4096, 8192, 32_768, 131_072)
VOCABULARIES = (32_000, 128_000)
AGAIN = 3 / 4
"""What is useful of the operations if each forward pass is made twice: 3 of 4."""

PARTS = {  # name in `scale.memory` → color
    "weights": "causal",
    "gradients": "prefix",
    "optimizer": "span",
    "blocks": "corrupted",
    "loss": "scored",
}


class RunCalculator(Widget):
    """Operations, days and dollars of a training, and the memory of one of its chips.

    parameters: weights, 1e7 to 1e12. tokens: 1e8 to 1e14. chip: a name in
    `scale.CHIPS`. chips: how many. price: dollars for an hour of one. utilization: the
    share of the peak that is used. precision: a name in `scale.PRECISIONS`. rows,
    length: what one chip reads at a time. vocabulary: 32,000 or 128,000. recompute:
    blocks are run a second time. chunked: the loss is taken in chunks. cut: weights,
    gradients and states are cut up over the chips.
    """

    _esm = module("scale")
    heights = (1171, 1561)

    parameters = Number(7e9, 1e7, 1e12).tag(sync=True)
    tokens = Number(140e9, 1e8, 1e14).tag(sync=True)
    chip = traitlets.Unicode("H100").tag(sync=True)
    chips = traitlets.Int(64).tag(sync=True)
    price = Number(2.0, 0.0, 1000.0).tag(sync=True)
    utilization = Number(0.4, 0.01, 1.0).tag(sync=True)
    precision = traitlets.Unicode("mixed").tag(sync=True)
    rows = traitlets.Int(4).tag(sync=True)
    length = traitlets.Int(2048).tag(sync=True)
    vocabulary = traitlets.Int(32_000).tag(sync=True)
    recompute = traitlets.Bool(False).tag(sync=True)
    chunked = traitlets.Bool(False).tag(sync=True)
    cut = traitlets.Bool(False).tag(sync=True)

    @traitlets.validate("chip")
    def _check_chip(self, proposal):
        return one_of("chip", proposal["value"], scale.CHIPS)

    @traitlets.validate("precision")
    def _check_precision(self, proposal):
        return one_of("precision", proposal["value"], scale.PRECISIONS)

    @traitlets.validate("chips")
    def _check_chips(self, proposal):
        return _whole("chips", proposal["value"], range(1, 100_001))

    @traitlets.validate("rows")
    def _check_rows(self, proposal):
        return _whole("rows", proposal["value"], range(1, 65))

    @traitlets.validate("length")
    def _check_length(self, proposal):
        return _whole("length", proposal["value"], LENGTHS)

    @traitlets.validate("vocabulary")
    def _check_vocabulary(self, proposal):
        return _whole("vocabulary", proposal["value"], VOCABULARIES)

    def result(self) -> dict:
        """Everything that the widget shows; bytes of one chip, seconds in days."""
        chip = scale.CHIPS[self.chip]
        depth, width = scale.shape(self.parameters, self.vocabulary)
        work = scale.operations(self.parameters, self.tokens)
        mfu = self.utilization * (AGAIN if self.recompute else 1.0)
        hours = scale.chip_seconds(work, chip, mfu) / 3600
        positions = self.rows * self.length
        parts = scale.memory(
            self.parameters,
            positions,
            depth,
            width,
            self.vocabulary,
            scale.PRECISIONS[self.precision],
            recompute=self.recompute,
            chunked=self.chunked,
            shards=self.chips if self.cut else 1,
        )
        attention = scale.attention_operations(self.tokens, depth, width, self.length)
        total = sum(parts.values())
        return {
            "depth": depth,
            "width": width,
            "operations": work,
            "attention": attention / work,
            "mfu": mfu,
            "hours": hours,
            "days": hours / self.chips / 24,
            "dollars": hours * self.price,
            "step": positions * self.chips,
            "steps": self.tokens / (positions * self.chips),
            "memory": parts,
            "total": total,
            "card": chip.memory,
            "fits": total <= chip.memory,
            "ratio": self.tokens / self.parameters,
            "balanced": list(scale.balanced(work)),
        }

    def alt(self) -> str:
        found = self.result()
        fits = "fits into" if found["fits"] else "does not fit into"
        return (
            f"{_said(self.parameters)} weights on {_said(self.tokens)} tokens take "
            f"{found['days']:,.3g} days on {self.chips:,} {self.chip} and "
            f"{found['dollars']:,.0f} dollars; what one of them holds at the peak, "
            f"{found['total'] / 1e9:,.0f} GB, {fits} its {found['card'] / 1e9:.0f} GB."
        )

    def picture(self) -> str:
        found = self.result()
        bold = {"font_weight": "bold"}
        parts = [
            label(8, 18, "What a run costs, and whether it fits", **bold),
            label(
                8,
                42,
                f"{found['operations']:.3g} operations, {found['days']:,.3g} days on "
                f"{self.chips:,} {self.chip}, {found['dollars']:,.0f} dollars",
            ),
            label(8, 62, f"{found['ratio']:.3g} tokens a weight", "muted"),
        ]
        most, x = max(found["total"], found["card"]), 8.0
        for i, (name, color) in enumerate(PARTS.items()):
            size = found["memory"][name]
            parts.append(box(x, 76, 500 * size / most, 22, color))
            x += 500 * size / most
            y = 136 + 20 * i
            parts.append(box(8, y - 11, 12, 12, color))
            parts.append(label(28, y, f"{name}: {size / 1e9:,.3g} GB"))
        edge = 8 + 500 * found["card"] / most
        parts.append(box(edge - 1, 70, 2, 34, "ink"))
        told = f"{self.chip}: {found['card'] / 1e9:.0f} GB"
        anchor = "end" if edge > 250 else "start"
        parts.append(label(edge, 118, told, anchor=anchor))
        return svg(520, 226, parts, self.alt())


def _said(number: float) -> str:
    """Three figures and a word, such as 7 billion."""
    for size, name in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if number >= size:
            return f"{number / size:.3g} {name}"
    return f"{number:,.0f}"


def _whole(name: str, value: int, allowed) -> int:
    """Return `value` if it is allowed. Raises PretrainError that says what is."""
    if value not in allowed:
        told = (
            f"from {allowed[0]} to {allowed[-1]:,}"
            if isinstance(allowed, range)
            else ", ".join(map(str, allowed))
        )
        raise PretrainError(f"{name} is {value}: give a whole number, {told}")
    return value
