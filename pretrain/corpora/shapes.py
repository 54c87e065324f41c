"""Shapes: small pictures with captions, so that text and images meet without a network.

    a small red circle in the top left
    ┌────────────┐
    │  ●         │     32 × 32, red-green-blue, numbers from 0 to 1
    │            │     5 shapes × 6 colors × 2 sizes × 4 places = 240 scenes
    │            │
    └────────────┘

A *scene* says what is shown. A picture of it has a place and a size that vary by a
pixel or two and a grey background with noise, so that no two are alike. A caption comes
from a grammar of a few turns of phrase; it always names shape and color, and size and
place only with a chance, as captions in the world leave things out. Scenes of the
validation and test splits are not in training: there a model meets new combinations of
things it has seen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from random import Random

import numpy as np

from pretrain.corpora import SPLITS
from pretrain.errors import PretrainError
from pretrain.tokens import words

SIDE = 32
SHAPES = ("circle", "square", "triangle", "cross", "ring")
COLORS = {
    "red": (0.9, 0.1, 0.1),
    "green": (0.1, 0.7, 0.2),
    "blue": (0.15, 0.25, 0.9),
    "yellow": (0.95, 0.85, 0.1),
    "white": (1.0, 1.0, 1.0),
    "black": (0.0, 0.0, 0.0),
}
RADII = {"small": 4.0, "large": 6.5}
ROWS, COLUMNS = ("top", "bottom"), ("left", "right")
LONGEST = 10  # words of "in the bottom right we see a large white triangle"
HELD_OUT = 40  # scenes in each of validation and test: a sixth of 240


@dataclass(frozen=True)
class Scene:
    """What a picture shows: one shape. ``row`` and ``column`` are 0 or 1."""

    shape: str
    color: str
    size: str
    row: int
    column: int

    @property
    def place(self) -> str:
        """Where it is, in words: "top left" and so on."""
        return f"{ROWS[self.row]} {COLUMNS[self.column]}"


SCENES = tuple(
    Scene(*made) for made in product(SHAPES, COLORS, RADII, range(2), range(2))
)


class Shapes:
    """The corpus of scenes. ``stream`` gives captions; ``scenes`` what they describe.

    detail: the chance that a caption names the size, and again the place.
    """

    name = "shapes"

    def __init__(self, detail: float = 0.7) -> None:
        if not 0 <= detail <= 1:
            raise PretrainError(f"detail is a chance from 0 to 1, not {detail}")
        self.detail = detail
        turns = (0.0, 0.25, 0.5, 0.75)  # each turn of phrase
        said = [caption(scene, [0, 0, turn]) for scene in SCENES for turn in turns]
        self.tokenizer = words([*said, "a photo picture of something"])
        order = Random("shapes").sample(SCENES, len(SCENES))
        test, validation = order[:HELD_OUT], order[HELD_OUT : 2 * HELD_OUT]
        kept = dict(train=order[2 * HELD_OUT :], validation=validation, test=test)
        self._splits: dict[str, Sequence[Scene]] = kept

    def scenes(self, split: str = "train", seed: int = 0) -> Iterator[Scene]:
        """Scenes; "train" never ends and runs in epochs, each in a new order."""
        if split not in SPLITS:
            raise PretrainError(f"There is no split {split!r}; there are {SPLITS}.")
        if split != "train":
            yield from self._splits[split]
            return
        random = Random(f"scenes {seed}")
        while True:
            yield from random.sample(self._splits[split], len(self._splits[split]))

    def stream(self, split: str = "train", seed: int = 0) -> Iterator[list[int]]:
        """Captions as token ids: the corpus without its pictures."""
        random = Random(f"captions {split} {seed}")
        for scene in self.scenes(split, seed):
            draws = [random.random() for _ in range(3)]
            yield self.tokenizer.encode(caption(scene, draws, self.detail))


def caption(scene: Scene, draws: Sequence[float], detail: float = 1.0) -> str:
    """A sentence about a scene, from three uniform draws.

    The first two decide whether size and place are named, each with chance
    ``detail``; the third chooses the turn of phrase.
    """
    size = scene.size + " " if draws[0] < detail else ""
    thing = f"{size}{scene.color} {scene.shape}"
    said = draws[1] < detail
    phrases = (
        (f"a {thing} in the {scene.place}", f"a {thing}"),
        (f"there is a {thing} at the {scene.place}", f"there is a {thing}"),
        (f"in the {scene.place} we see a {thing}", f"we see a {thing}"),
        (f"the {scene.place} shows one {thing}", f"it shows one {thing}"),
    )
    full, short = phrases[int(draws[2] * len(phrases))]
    return full if said else short


def render(scenes: Sequence[Scene], draws: np.ndarray) -> np.ndarray:
    """Pictures (B,32,32,3) float32 in [0, 1].

    draws (B, 4 + 32·32): uniform numbers in [0, 1) for the shift down and right (up to
    1.5 pixels), the radius (± 10 %), the background (0.35 to 0.65), and the noise of
    each pixel (± 0.05).
    """
    draws = np.asarray(draws, dtype=np.float64)
    if draws.shape != (len(scenes), 4 + SIDE * SIDE):
        raise PretrainError(
            f"draws of shape {draws.shape} for {len(scenes)} scenes: give "
            f"({len(scenes)}, {4 + SIDE * SIDE})"
        )
    pictures = np.empty((len(scenes), SIDE, SIDE, 3), dtype=np.float32)
    down, right = np.mgrid[:SIDE, :SIDE] + 0.5  # centers of the pixels
    for picture, scene, draw in zip(pictures, scenes, draws, strict=True):
        y = (scene.row + 0.5) * SIDE / 2 + 3 * draw[0] - 1.5
        x = (scene.column + 0.5) * SIDE / 2 + 3 * draw[1] - 1.5
        radius = RADII[scene.size] * (0.9 + 0.2 * draw[2])
        covered = _covers(scene.shape, (down - y) / radius, (right - x) / radius)
        ground = 0.35 + 0.3 * draw[3]
        noise = 0.1 * draw[4:].reshape(SIDE, SIDE, 1) - 0.05
        color = np.array(COLORS[scene.color])
        picture[:] = np.clip(np.where(covered[..., None], color, ground) + noise, 0, 1)
    return pictures


def _covers(shape: str, down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Which points (in radii from the middle) belong to the shape."""
    distance = np.hypot(down, right)
    if shape == "circle":
        return distance <= 1
    if shape == "ring":
        return (distance <= 1) & (distance >= 0.55)
    if shape == "square":
        return np.maximum(abs(down), abs(right)) <= 0.85
    if shape == "cross":
        return (np.minimum(abs(down), abs(right)) <= 0.3) & (
            np.maximum(abs(down), abs(right)) <= 1
        )
    return (abs(right) <= (down + 1) / 2) & (down <= 0.9)  # a triangle on its base
