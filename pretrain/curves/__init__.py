"""Reading loss curves: smoothing, what is wrong with one, and where it will end."""

from pretrain.curves.findings import (
    Divergence,
    Findings,
    Plateau,
    Spike,
    analyze,
)
from pretrain.curves.power_law import PowerLaw, power_law
from pretrain.curves.smoothing import centered, exponential, gaussian, thin

__all__ = [
    "Divergence",
    "Findings",
    "Plateau",
    "PowerLaw",
    "Spike",
    "analyze",
    "centered",
    "exponential",
    "gaussian",
    "power_law",
    "thin",
]
