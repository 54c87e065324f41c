"""Logits to loss: drag the scores, see probabilities, loss and gradient.

    z ──÷ τ──> softmax ──> p ──> loss = −Σ q ln p,   ∂loss/∂z = (p − q) / τ

y is 1 at the correct token and 0 elsewhere, and q = (1 − ε) y + ε/V its smoothed form
(@szegedy2016rethinking). At τ = 1 and ε = 0 the gradient is p − y. The loss is
`losses.cross_entropy`, in nats.
"""

import math

import torch
import traitlets

from pretrain.errors import PretrainError
from pretrain.losses import cross_entropy
from pretrain.widgets.base import Number, Widget, box, label, module, svg

MOST = 10.0
"""Logits run from −MOST to MOST on the sliders."""


class LogitsToLoss(Widget):
    """Turn the logits of a few tokens and see what training would do to them.

    tokens: 2 to 8 names. logits: one a token, −10 to 10. target: the correct token's
    place, from 0. temperature: divides the logits. smoothing: ε of the target.
    """

    _esm = module("logits")
    heights = (625, 995)

    tokens = traitlets.List(
        traitlets.Unicode(), ["mat", "floor", "door", "sea", "moon"]
    ).tag(sync=True)
    logits = traitlets.List(traitlets.Float(), [2.0, 1.0, 0.5, -1.0, -2.0]).tag(
        sync=True
    )
    target = traitlets.Int(0).tag(sync=True)
    temperature = Number(1.0, 0.05, 5.0).tag(sync=True)
    smoothing = Number(0.0, 0.0, 0.9).tag(sync=True)

    @traitlets.validate("logits")
    def _check_logits(self, proposal):
        values = proposal["value"]
        if not all(-MOST <= value <= MOST for value in values):
            raise PretrainError(f"the logits {values} must lie from −10 to 10")
        if not 2 <= len(values) <= 8 or len(values) != len(self.tokens):
            raise PretrainError(
                f"{len(values)} logits for {len(self.tokens)} tokens: give one each, "
                "for 2 to 8 tokens"
            )
        return values

    @traitlets.validate("target")
    def _check_target(self, proposal):
        if not 0 <= proposal["value"] < len(self.tokens):
            raise PretrainError(
                f"the target {proposal['value']} is no token: give 0 to "
                f"{len(self.tokens) - 1}"
            )
        return proposal["value"]

    def result(self) -> dict:
        """What the widget shows: probabilities, gradient and loss (nats)."""
        logits = torch.tensor([self.logits], dtype=torch.float64, requires_grad=True)
        target = torch.tensor([self.target])
        scaled = logits / self.temperature
        loss = cross_entropy(scaled, target, label_smoothing=self.smoothing).mean()
        loss.backward()
        return {
            "probabilities": scaled.softmax(-1)[0].tolist(),
            "gradient": logits.grad[0].tolist(),
            "loss": loss.item(),
        }

    def alt(self) -> str:
        result = self.result()
        chances = ", ".join(
            f"{token} {p:.2f}"
            for token, p in zip(self.tokens, result["probabilities"], strict=True)
        )
        return (
            f"Probabilities: {chances}. With {self.tokens[self.target]} correct the "
            f"loss is {result['loss']:.2f} nats."
        )

    def picture(self) -> str:
        result = self.result()
        parts = [label(8, 18, "Logits to loss", font_weight="bold")]
        for x, name in ((110, "logit"), (170, "probability"), (400, "gradient")):
            parts.append(label(x, 42, name, "muted"))
        for i, token in enumerate(self.tokens):
            y, p = 52 + 28 * i, result["probabilities"][i]
            slope = result["gradient"][i]
            mark = "● " if i == self.target else ""
            parts += [
                label(8, y + 15, mark + token[:12]),
                label(110, y + 15, f"{self.logits[i]:.1f}".replace("-", "−")),
                box(170, y, 150 * p, 20, "causal"),
                label(176 + 150 * p, y + 15, f"{p:.3f}"),
                label(400, y + 15, f"{slope:+.3f}".replace("-", "−")),
            ]
        y = 80 + 28 * len(self.tokens)
        bits = result["loss"] / math.log(2)
        parts.append(label(8, y, f"loss {result['loss']:.3f} nats = {bits:.3f} bits"))
        return svg(520, y + 12, parts, self.alt())
