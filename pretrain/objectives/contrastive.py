"""Contrastive learning: find the partner among the others of the batch.

                caption 1   caption 2   caption 3      similarity / τ (B,B)
    image 1        ×            .           .          × the true pair
    image 2        .            ×           .          cross-entropy of each row
    image 3        .            .           ×          and of each column, halved

Nothing is predicted token by token. Each image must tell its own caption from the
others' and each caption its own image: *symmetric InfoNCE* (@oord2018representation)
with a learned temperature τ, as in CLIP (@radford2021learning). The others of the batch
are the negatives, so a batch cannot be cut into micro-batches: the loss would be
another one.

With N pairs, log N − L bounds from below what image and caption tell of one another.
L ≥ 0, so that estimate never exceeds log N, however much there is to know.

SimCSE (@gao2021simcse) needs no second modality: a sentence is encoded twice with two
dropout masks, and the two vectors are partners.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, Literal

import torch
from torch import Tensor

from pretrain.batch import PADDING, Batch
from pretrain.clip import padded
from pretrain.corpora.segments import documents, sentences
from pretrain.corpora.shapes import LONGEST, SIDE, Scene, Shapes, caption, render
from pretrain.errors import EmptyCorpusError, PretrainError
from pretrain.losses import IGNORE, Loss, cross_entropy
from pretrain.objectives.base import Objective
from pretrain.packing import Strategy
from pretrain.random import Generator, uniform
from pretrain.tokens import Tokenizer

PATIENCE = 100_000


def info_nce(left: Tensor, right: Tensor, scale: float | Tensor = 1.0) -> Loss:
    """Symmetric InfoNCE in nats, summed over B pairs: (B,E) and (B,E), row i with i.

    Half the cross-entropy of finding the partner on the right plus half that of finding
    it on the left, among the B of the batch. ``scale`` is 1/τ. Vectors are taken as
    they are: normalize them for cosine similarity.

    Raises PretrainError when the shapes differ or there are fewer than two pairs.
    """
    if left.ndim != 2 or left.shape != right.shape or len(left) < 2:
        raise PretrainError(
            f"vectors {tuple(left.shape)} and {tuple(right.shape)}: give two (B, E) of "
            "one shape with B ≥ 2, since the negatives are the other pairs of the batch"
        )
    logits = left @ right.T * scale  # (B,B)
    partner = torch.arange(len(left), device=left.device)
    rows, columns = cross_entropy(logits, partner), cross_entropy(logits.T, partner)
    return Loss((rows.sum + columns.sum) / 2, rows.count)


def mutual_information(loss: Loss) -> float:
    """The lower bound log N − L in nats, for the loss of *one* batch of N pairs.

    @oord2018representation. It is log N at most; an untrained model's may be negative.
    """
    return math.log(int(loss.count)) - float(loss.mean())


@dataclass(frozen=True, kw_only=True)
class ContrastiveBatch(Batch):
    """A batch of B partners. ``targets`` is −100 throughout: no token is scored."""

    @property
    def count(self) -> int:
        """The number of pairs."""
        return len(self.inputs)

    def split(self, parts: int) -> list["ContrastiveBatch"]:
        """The batch itself for one part. Raises PretrainError for more."""
        if parts > 1:
            raise PretrainError(
                "a contrastive batch cannot be cut into micro-batches, since its "
                "negatives are the other rows: set micro_batches=1 and fewer rows"
            )
        return [self]


@dataclass(frozen=True, kw_only=True)
class ImageTextBatch(ContrastiveBatch):
    """Captions in ``inputs`` (B,T) and their images (B,32,32,3) in [0, 1]."""

    images: Tensor


@dataclass(frozen=True, kw_only=True)
class SentenceBatch(ContrastiveBatch):
    """Sentences in ``inputs`` (B,T), and a seed for each of the two dropout passes."""

    noise: tuple[int, int]


class _Contrastive(Objective):
    """What the two objectives share; their batches say what the partners are."""

    alignment: ClassVar[Literal["next", "same"] | None] = None
    reads_rows: ClassVar[bool] = False

    def partners(self, model, batch) -> tuple[Tensor, Tensor, Tensor | float]:
        """Two (B,E) of unit vectors, and 1/τ."""
        raise NotImplementedError

    def loss(self, model, batch: ContrastiveBatch) -> Loss:
        """Symmetric InfoNCE over the batch."""
        return info_nce(*self.partners(model, batch))

    def metrics(self, model, batch: ContrastiveBatch) -> dict[str, Loss]:
        """``recall``: how often the nearest of the batch is the partner, both ways."""
        left, right, _ = self.partners(model, batch)
        similar = left @ right.T  # (B,B)
        partner = torch.arange(len(left), device=left.device)
        found = (similar.argmax(1) == partner).sum() + (
            similar.argmax(0) == partner
        ).sum()
        return {"recall": Loss(found.float(), torch.tensor(2 * len(left)))}


@dataclass(frozen=True)
class ImageText(_Contrastive):
    """CLIP's objective on the corpus of shapes. Its model is ``clip.Clip``.

    detail: the chance that a caption names the size, and again the place; None takes
        the corpus's. With less detail more captions of a batch fit an image, and count
        as its negatives all the same.
    """

    detail: float | None = None

    def __post_init__(self) -> None:
        if self.detail is not None and not 0 <= self.detail <= 1:
            raise PretrainError(f"detail is a chance from 0 to 1, not {self.detail}")

    def read(
        self,
        corpus: Shapes,
        split: str,
        seed: int,
        *,
        rows: int,
        length: int,
        packing: Strategy = "whole",
        skip: int = 0,
    ) -> Iterator[list[tuple[Scene, float]]]:
        """Lists of ``rows`` different scenes, each with its chance of details.

        A last list of one scene is left out. ``packing`` is not used. Raises
        PretrainError for a corpus without scenes, and for captions longer than a row.
        """
        if not hasattr(corpus, "scenes"):
            raise PretrainError(
                f"the corpus {corpus.name} has no scenes to draw: use corpora.shapes"
            )
        longest = 1 + LONGEST  # <doc> comes first
        if rows < 2 or length < longest:
            raise PretrainError(
                f"{rows} rows of {length} tokens: give 2 or more images a batch, and a "
                f"length of {longest} or more for their captions"
            )
        detail = corpus.detail if self.detail is None else self.detail
        return _lists(corpus.scenes(split, seed), rows, detail, skip)

    def __call__(
        self,
        piece: list[tuple[Scene, float]],
        tokenizer: Tokenizer,
        generator: Generator,
    ) -> ImageTextBatch:
        """Scenes to pictures and captions, drawn anew with every generator."""
        scenes = [scene for scene, _ in piece]
        words = uniform((len(piece), 3), generator).tolist()
        pixels = uniform((len(piece), 4 + SIDE * SIDE), generator).numpy()
        said = [
            caption(scene, draws, detail)
            for (scene, detail), draws in zip(piece, words, strict=True)
        ]
        fields = _text(tokenizer.encode_all(said), tokenizer)
        return ImageTextBatch(**fields, images=torch.from_numpy(render(scenes, pixels)))

    def for_evaluation(self) -> "ImageText":
        """Captions that name everything, so that each fits its own scene alone."""
        return ImageText(detail=1.0)

    def partners(self, model, batch: ImageTextBatch):
        images = model.encode_images(batch.images)
        texts = model.encode_texts(batch.inputs, batch.attention, batch.positions)
        return images, texts, model.scale()


@dataclass(frozen=True)
class SimCSE(_Contrastive):
    """Unsupervised SimCSE on a corpus's sentences. Its model: ``clip.SentenceEncoder``.

    temperature: τ, fixed; 0.05 in @gao2021simcse.
    """

    temperature: float = 0.05

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise PretrainError(
                f"the temperature is {self.temperature}: give a number above 0"
            )

    def read(
        self,
        corpus,
        split: str,
        seed: int,
        *,
        rows: int,
        length: int,
        packing: Strategy = "whole",
        skip: int = 0,
    ) -> Iterator[list[tuple[int, ...]]]:
        """Lists of ``rows`` different sentences, cut to ``length`` − 1 tokens.

        A last list of one sentence is left out. Raises PretrainError for fewer than two
        rows, EmptyCorpusError when the corpus has too few different sentences.
        """
        if rows < 2 or length < 2:
            raise PretrainError(
                f"{rows} rows of {length} tokens: give 2 or more of each, since the "
                "negatives are the other rows"
            )
        found = (
            sentence[: length - 1]
            for document in documents(corpus, split, seed)
            for sentence in sentences(document, corpus.tokenizer)
        )
        return islice(distinct(found, rows), skip, None)

    def __call__(
        self,
        piece: list[tuple[int, ...]],
        tokenizer: Tokenizer,
        generator: Generator,
    ) -> SentenceBatch:
        """Sentences to a batch (B,T), with two seeds for dropout from the generator."""
        seeds = (uniform((1, 2), generator)[0].double() * 2**24).long().tolist()
        fields = _text([list(sentence) for sentence in piece], tokenizer)
        return SentenceBatch(**fields, noise=(2 * seeds[0], 2 * seeds[1] + 1))

    def partners(self, model, batch: SentenceBatch):
        kept = (batch.documents != PADDING) & (batch.positions > 0)  # <doc> left out
        once, again = (
            model.encode(batch.inputs, batch.attention, batch.positions, kept, seed)
            for seed in batch.noise
        )
        return once, again, 1 / self.temperature


def distinct(found, rows: int) -> Iterator[list]:
    """Lists of ``rows`` different things, in order; the last may be shorter, not one.

    What is in the list already is passed over. Raises EmptyCorpusError when 100,000 in
    a row are, or when there are not two different things in all.
    """
    group, barren, any_list = {}, 0, False
    for thing in found:
        barren = 0 if thing not in group else barren + 1
        if barren > PATIENCE:
            break
        group[thing] = None
        if len(group) == rows:
            yield list(group)
            group, any_list = {}, True
    if barren > PATIENCE or not (any_list or len(group) > 1):
        raise EmptyCorpusError(
            f"there are not {rows} different examples for one batch, and equal ones "
            "would be each other's negatives: use fewer rows or a larger corpus"
        )
    if len(group) > 1:
        yield list(group)


def _lists(scenes, rows: int, detail: float, skip: int):
    for group in islice(distinct(scenes, rows), skip, None):
        yield [(scene, detail) for scene in group]


def _text(texts: list[list[int]], tokenizer: Tokenizer) -> dict:
    """The fields of a batch (B,T) in which no token is scored."""
    inputs, attention, positions, numbers = padded(texts, tokenizer)
    return dict(
        inputs=inputs,
        targets=torch.full_like(inputs, IGNORE),
        attention=attention,
        positions=positions,
        documents=numbers,
    )
