"""What a training costs, and whether it fits: operations, time, price, memory.

    6 N tokens ──÷ (chips × peak × what is used of it)──> seconds ──> dollars
    one chip   = weights + gradients + optimizer + what the blocks keep + logits

Everything is arithmetic on sizes; nothing is run. The formulas are those of the chapter
on scale, where each is held against a count or a measurement. They are estimates:
memory adds up parts that do not all stand there at the same moment, and leaves out what
a library needs for itself.

Legend: B rows, T positions, D width, L layers, V vocabulary, N weights.
"""

import math
from dataclasses import dataclass

CHUNK = 256
"""Positions whose logits stand there at once where the loss is taken in chunks."""

COPIES = 3
"""Float32 tensors of the logits' size at the peak: they, their log-probabilities and
their gradient."""

HEAD = 128
"""The width of a head, where only the width of the model is known."""

PER_LAYER = 128
"""Width over layers of the models that `shape` draws, about that of GPT-3."""

BALANCED = 20.0
"""Tokens a weight at the best use of a budget, roughly. @hoffmann2022training"""


@dataclass(frozen=True)
class Chip:
    """An accelerator: operations a second of dense bfloat16 products; bytes of memory.

    @jouppi2023tpu @nvidia2020a100 @nvidia2022h100; the A100 is the later one of 80 GB.
    """

    peak: float
    memory: float


CHIPS = {
    "TPU v4": Chip(275e12, 32 * 2**30),
    "A100": Chip(312e12, 80e9),
    "H100": Chip(989e12, 80e9),
}


@dataclass(frozen=True)
class Precision:
    """Bytes of a weight, of its gradient, of its optimizer state, of an activation.

    The state is Adam's two means and, in mixed precision, the float32 master copy
    (@micikevicius2018mixed, @rajbhandari2020zero). With 8-bit means the scale of each
    block of them is left out (@dettmers2022eightbit).
    """

    weight: int
    gradient: int
    optimizer: int
    kept: int


PRECISIONS = {
    "float32": Precision(4, 4, 4 + 4, 4),
    "mixed": Precision(2, 2, 4 + 4 + 4, 2),
    "mixed, 8-bit Adam": Precision(2, 2, 4 + 1 + 1, 2),
}


def operations(parameters: float, tokens: float) -> float:
    """Operations of a training's products with weights: six each. @kaplan2020scaling"""
    return 6 * parameters * tokens


def attention_operations(
    tokens: float, depth: int, width: float, length: int
) -> float:
    """Operations of attention's products of states with states, which come on top.

    Counted in full; a causal model may skip half of them.
    """
    return 12 * depth * width * length * tokens


def chip_seconds(work: float, chip: Chip, utilization: float) -> float:
    """Seconds in which one chip does ``work`` operations.

    utilization: the share of its peak that does this work (MFU), above 0, up to 1.
    """
    return work / (chip.peak * utilization)


def balanced(work: float, per_weight: float = BALANCED) -> tuple[float, float]:
    """The weights and tokens that ``work`` operations buy at so many tokens each."""
    parameters = math.sqrt(work / (6 * per_weight))
    return parameters, per_weight * parameters


def shape(parameters: float, vocabulary: int) -> tuple[int, float]:
    """Layers and width of a usual model of so many weights, 12 L D² + V D of them.

    The layers are those at which width = 128 layers without the V D; then the width
    makes up the number exactly, so it need not be whole.
    """
    depth = max(1, round((parameters / (12 * PER_LAYER**2)) ** (1 / 3)))
    root = math.sqrt(vocabulary**2 + 48 * depth * parameters)
    return depth, (root - vocabulary) / (24 * depth)


def kept_numbers(width: float, heads: float | None = None) -> float:
    """Numbers that one position leaves in one block of this book's model.

    Eight tensors of the width in the feed-forward layer, ten around it; scales of
    norms and the softmax's denominators.
    """
    heads = width / HEAD if heads is None else heads
    return 18 * width + 3 * heads + 2


def memory(
    parameters: float,
    positions: int,
    depth: int,
    width: float,
    vocabulary: int,
    precision: Precision,
    *,
    heads: float | None = None,
    recompute: bool = False,
    chunked: bool = False,
    shards: int = 1,
) -> dict[str, float]:
    """Bytes on one chip that reads ``positions`` (B T) at a time, by part.

    recompute: only each block's input is kept, and one block while it is run again.
    chunked: the loss is taken over `CHUNK` positions at a time.
    shards: chips among which weights, gradients and optimizer states are cut up.
    """
    block = kept_numbers(width, heads)
    numbers = depth * width + block if recompute else depth * block
    scored = min(positions, CHUNK) if chunked else positions
    return {
        "weights": precision.weight * parameters / shards,
        "gradients": precision.gradient * parameters / shards,
        "optimizer": precision.optimizer * parameters / shards,
        "blocks": precision.kept * positions * numbers,
        "loss": 4 * COPIES * scored * vocabulary,
    }
