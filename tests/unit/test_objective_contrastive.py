"""Contrastive objectives: the loss, its bound, its batches, and what cannot be cut.

Held against loops and exactly known values; CLIP's own loss is in tests/parity.
"""

import math
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pretrain.clip import (
    LARGEST_SCALE,
    ClipConfig,
    SentenceConfig,
    padded,
    zero_shot,
)
from pretrain.corpora.microworld import Microworld
from pretrain.corpora.shapes import (
    COLORS,
    LONGEST,
    SCENES,
    SHAPES,
    SIDE,
    Scene,
    Shapes,
    caption,
    render,
)
from pretrain.errors import EmptyCorpusError, PretrainError
from pretrain.model import ModelConfig, redraw
from pretrain.objectives.contrastive import (
    ImageText,
    SimCSE,
    distinct,
    info_nce,
    mutual_information,
)
from pretrain.random import Counter, generator_for
from pretrain.training import Budget, fit

CORPUS = Shapes()
TEXT = ModelConfig(CORPUS.tokenizer.vocab_size, width=16, depth=1, heads=2, context=16)
CLIP = ClipConfig(TEXT, image_depth=1, embedding=8, channels=4)


@pytest.fixture(scope="module")
def world() -> Microworld:
    return Microworld()


def clip_batch(seed=0, rows=6, objective=None):
    objective = objective or ImageText()
    piece = next(objective.read(CORPUS, "train", seed, rows=rows, length=16))
    return objective(piece, CORPUS.tokenizer, generator_for(seed))


def vectors(seed, n, width=5):
    drawn = torch.randn(2, n, width, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(drawn.double(), dim=-1)


# -- the loss -------------------------------------------------------------------------


@given(st.integers(0, 2**31), st.integers(2, 9), st.floats(0.1, 100.0))
def test_symmetric_loss_equals_a_loop(seed, n, scale):
    left, right = vectors(seed, n)
    total = 0.0
    for i in range(n):
        others = [math.exp(scale * float(left[i] @ right[j])) for j in range(n)]
        back = [math.exp(scale * float(left[j] @ right[i])) for j in range(n)]
        own = scale * float(left[i] @ right[i])
        total += (math.log(sum(others)) - own + math.log(sum(back)) - own) / 2
    loss = info_nce(left, right, scale)
    # A sum of exponentials up to e¹⁰⁰ keeps 2⁻⁵³ relative: 1e-12 of its logarithm.
    assert loss.sum.item() == pytest.approx(total, rel=1e-10, abs=1e-10)
    assert int(loss.count) == n


@given(st.integers(0, 2**31), st.integers(2, 9), st.floats(0.0, 100.0))
def test_the_estimate_of_mutual_information_is_log_n_at_most(seed, n, scale):
    loss = info_nce(*vectors(seed, n), scale)
    assert loss.sum >= 0
    assert mutual_information(loss) <= math.log(n)


def test_known_values():
    same = torch.ones(4, 3) / 3**0.5
    assert info_nce(same, same, 20.0).mean().item() == pytest.approx(math.log(4))
    assert mutual_information(info_nce(same, same, 20.0)) == pytest.approx(0, abs=1e-6)
    apart = torch.eye(4, dtype=torch.float64)
    loss = info_nce(apart, apart, 2.0)  # own e², the three others e⁰
    wanted = math.log(math.exp(2) + 3) - 2
    assert loss.mean().item() == pytest.approx(wanted)
    certain = info_nce(apart, apart, 100.0)
    assert mutual_information(certain) == pytest.approx(math.log(4), abs=1e-12)


def test_the_bound_holds_where_the_information_is_known():
    """K symbols, both sides see the same one: I = ln K exactly. Best critic, N = 64.

    The mean estimate over 400 batches stays below ln K, and below ln N.
    """
    for K in (4, 1024):
        random = torch.Generator().manual_seed(K)
        found = []
        for _ in range(400):
            symbols = torch.randint(K, (64,), generator=random)
            logits = torch.where(symbols[:, None] == symbols, 0.0, -50.0).double()
            # vectors whose products are these logits: rows of a matrix times identity
            loss = info_nce(logits, torch.eye(64, dtype=torch.float64))
            found.append(mutual_information(loss))
        assert np.mean(found) <= min(math.log(K), math.log(64))
        assert np.mean(found) >= min(math.log(K), math.log(64)) - 0.1


# -- CLIP -----------------------------------------------------------------------------


def test_the_scale_is_held_at_a_hundred_and_comes_down_again():
    model = CLIP.build()
    assert model.scale().item() == pytest.approx(1 / 0.07)
    with torch.no_grad():
        model.logit_scale.fill_(7.0)
    assert model.scale().item() == pytest.approx(100.0)
    assert model.logit_scale.item() == pytest.approx(LARGEST_SCALE)
    left, right = vectors(0, 8)
    info_nce(left, right, model.scale()).sum.backward()
    assert model.logit_scale.grad > 0, "random pairs want a smaller scale"


def test_vectors_have_length_one_and_see_their_input():
    batch, model = clip_batch(), redraw(CLIP.build()).eval()
    with torch.no_grad():
        images = model.encode_images(batch.images)
        texts = model.encode_texts(batch.inputs, batch.attention, batch.positions)
        changed = batch.images.clone()
        changed[0, -1, -1] = 1 - changed[0, -1, -1]
        moved = model.encode_images(changed)
    for found in (images, texts):
        torch.testing.assert_close(found.norm(dim=-1), torch.ones(6))
    assert (moved[0] - images[0]).abs().max() > 1e-6
    torch.testing.assert_close(moved[1:], images[1:])


def test_padding_does_not_change_a_text():
    """float32 sums of another length: relative errors of some 1e-7."""
    model = redraw(CLIP.build()).eval()
    encode = CORPUS.tokenizer.encode
    short, long = encode("a red circle"), encode("we see a large black ring")
    with torch.no_grad():
        alone = model.encode_texts(*padded([short], CORPUS.tokenizer)[:3])
        beside = model.encode_texts(*padded([short, long], CORPUS.tokenizer)[:3])
    torch.testing.assert_close(alone[0], beside[0], rtol=0, atol=1e-5)


def test_zero_shot_takes_the_nearest_prompt():
    model = redraw(CLIP.build()).eval()
    batch = clip_batch(rows=5)
    prompts = [f"a {shape}" for shape in SHAPES]
    found = zero_shot(model, batch.images, prompts, CORPUS.tokenizer)
    with torch.no_grad():
        for image, index in zip(batch.images, found, strict=True):
            nearest = max(
                range(5),
                key=lambda i: float(
                    model.encode_images(image[None])[0]
                    @ model.encode_texts(
                        *padded([CORPUS.tokenizer.encode(prompts[i])],
                                CORPUS.tokenizer)[:3]
                    )[0]
                ),
            )  # fmt: skip
            assert nearest == index


def test_recall_counts_both_ways():
    class Known(torch.nn.Module):
        def encode_images(self, images):
            return torch.eye(3)

        def encode_texts(self, *_):
            return torch.tensor([[1.0, 0, 0], [0.9, 0.1, 0], [0, 0, 1.0]])

        def scale(self):
            return torch.tensor(1.0)

    # Images find texts 0, 1, 2; texts find images 0, 0, 2: five of six.
    found = ImageText().metrics(Known(), clip_batch(rows=3))["recall"]
    assert found.mean().item() == pytest.approx(5 / 6)


# -- shapes ---------------------------------------------------------------------------


def test_scenes_are_split_and_none_is_in_two_splits():
    train = set(islice(CORPUS.scenes("train", 3), 160))
    validation, test = set(CORPUS.scenes("validation")), set(CORPUS.scenes("test"))
    assert (len(train), len(validation), len(test)) == (160, 40, 40)
    assert train | validation | test == set(SCENES) and len(SCENES) == 240


def test_a_caption_names_what_the_scene_has():
    scene = Scene("ring", "blue", "small", 1, 0)
    assert caption(scene, [0, 0, 0]) == "a small blue ring in the bottom left"
    assert caption(scene, [0.9, 0.9, 0.99], 0.5) == "it shows one blue ring"
    full = {caption(s, [0, 0, turn]) for s in SCENES for turn in (0, 0.3, 0.6, 0.9)}
    assert len(full) == 4 * len(SCENES), "a full caption fits one scene alone"
    ids = [CORPUS.tokenizer.encode(text) for text in full]
    assert CORPUS.tokenizer.special.unk not in {i for row in ids for i in row}
    assert max(map(len, ids)) == LONGEST


@given(st.sampled_from(SCENES), st.integers(0, 2**31))
def test_a_picture_shows_the_scene(scene, seed):
    """Color, quarter and size read off the pixels; the ground is grey."""
    draws = Counter(seed).uniform(4 + SIDE * SIDE)
    picture = render([scene], draws[None])[0].astype(float)
    ground = 0.35 + 0.3 * draws[3]
    far = abs(picture - ground).max(-1) > 0.06  # noise is 0.05 at most
    down, right = far.nonzero()
    assert (down.mean() >= SIDE / 2) == scene.row
    assert (right.mean() >= SIDE / 2) == scene.column
    color = picture[far].mean(0)
    # Noise averages out over some 20 pixels or more; at the edge 0–1 it is clipped.
    nearest = min(COLORS, key=lambda c: abs(color - COLORS[c]).sum())
    assert nearest == scene.color
    height = down.max() - down.min() + 1
    # Small: 2 · 4.0 · 1.1 = 8.8 at most. Large: a triangle's 1.9 · 6.5 · 0.9 = 11.1,
    # less 1 where its tip is too narrow to hold the middle of a pixel.
    assert (height >= 10) == (scene.size == "large")


def test_shapes_differ():
    draws = np.full((5, 4 + SIDE * SIDE), 0.5)
    scenes = [Scene(shape, "black", "large", 0, 0) for shape in SHAPES]
    dark = (render(scenes, draws) < 0.25).all(-1)
    areas = {s: int(d.sum()) for s, d in zip(SHAPES, dark, strict=True)}
    assert len(set(areas.values())) == 5
    assert areas["ring"] < areas["circle"] and areas["cross"] < areas["square"]
    # Half a pixel along the edge: half of the perimeter.
    assert abs(areas["circle"] - math.pi * 6.5**2) < math.pi * 6.5
    assert abs(areas["square"] - (1.7 * 6.5) ** 2) < 2 * 1.7 * 6.5


# -- SimCSE ---------------------------------------------------------------------------


def test_two_passes_differ_by_their_dropout_alone(world):
    objective = SimCSE()
    piece = next(objective.read(world, "train", 0, rows=8, length=32))
    batch = objective(piece, world.tokenizer, generator_for(0))
    again = objective(piece, world.tokenizer, generator_for(0))
    assert batch.noise == again.noise and batch.noise[0] != batch.noise[1]
    trunk = ModelConfig(world.tokenizer.vocab_size, width=16, depth=1, heads=2)
    model = redraw(SentenceConfig(trunk).build())
    once, twice, scale = objective.partners(model, batch)
    assert scale == pytest.approx(20)
    assert (once - twice).abs().max() > 1e-3
    torch.testing.assert_close(once.norm(dim=-1), torch.ones(8))
    repeated = objective.partners(model.eval(), batch)[0]
    assert torch.equal(once, repeated), "masks come from the seed, not from the mode"
    none = redraw(SentenceConfig(trunk, dropout=0.0).build())
    once, twice, _ = objective.partners(none, batch)
    assert torch.equal(once, twice)


def test_dropout_drops_its_share_and_keeps_the_mean():
    model = SentenceConfig(ModelConfig(9, width=8), dropout=0.1).build()
    dropped = model._drop(torch.ones(100, 50, 8), generator_for(1))
    assert dropped.unique().tolist() == pytest.approx([0.0, 1 / 0.9])
    share = (dropped == 0).double().mean().item()
    assert abs(share - 0.1) < 4 * (0.09 / 40_000) ** 0.5


def test_no_sentence_is_twice_in_a_batch(world):
    for piece in islice(SimCSE().read(world, "train", 0, rows=64, length=32), 5):
        assert len(set(piece)) == 64


# -- training -------------------------------------------------------------------------

SMALL = Budget(4 * 8 * 16, rows=8, length=16, held_out=16, evaluations=2)


def test_four_steps_of_clip():
    def look(model, record):
        found = zero_shot(model, clip_batch().images, ["a ring"], CORPUS.tokenizer)
        return {"zero": float(found[0])}

    run = fit(CLIP, ImageText(), CORPUS, SMALL, progress=False, after_evaluation=look)
    assert len(run.log.records) == 4
    assert 0 <= run.log.column("eval_recall")[-1] <= 1
    assert run.log.column("zero") == [0.0, 0.0]
    again = fit(CLIP, ImageText(), CORPUS, SMALL, progress=False)
    assert again.log.column("loss") == run.log.column("loss")


def test_four_steps_of_simcse(world):
    trunk = ModelConfig(world.tokenizer.vocab_size, width=16, depth=1, heads=2)
    run = fit(SentenceConfig(trunk), SimCSE(), world, SMALL, progress=False)
    assert len(run.log.records) == 4 and len(run.log.column("eval_recall")) == 2


def test_reading_can_skip():
    whole = list(islice(ImageText().read(CORPUS, "train", 1, rows=8, length=16), 6))
    rest = ImageText().read(CORPUS, "train", 1, rows=8, length=16, skip=4)
    assert list(islice(rest, 2)) == whole[4:]


# -- bad input ------------------------------------------------------------------------


def test_a_batch_cannot_be_cut():
    batch = clip_batch()
    assert batch.split(1) == [batch]
    with pytest.raises(PretrainError, match="micro_batches=1"):
        batch.split(2)
    budget = Budget(4 * 8 * 16, rows=8, length=16, held_out=8, micro_batches=2)
    with pytest.raises(PretrainError, match="micro_batches=1"):
        fit(CLIP, ImageText(), CORPUS, budget, progress=False)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: info_nce(torch.ones(1, 3), torch.ones(1, 3)), "B ≥ 2"),
        (lambda: info_nce(torch.ones(3, 3), torch.ones(3, 4)), "of one shape"),
        (lambda: ImageText(detail=2.0), "from 0 to 1"),
        (lambda: Shapes(detail=-1), "from 0 to 1"),
        (lambda: next(Shapes().scenes("dev")), "no split"),
        (lambda: render([SCENES[0]], np.zeros((1, 4))), "draws of shape"),
        (lambda: SimCSE(temperature=0.0), "above 0"),
        (lambda: SentenceConfig(TEXT, dropout=1.0), "dropout"),
        (lambda: ClipConfig(TEXT, side=12), "tile"),
        (lambda: CLIP.build().encode_images(torch.zeros(2, 3, 32, 32)), "this model"),
        (lambda: padded([[4], []], CORPUS.tokenizer), "one token or more"),
        (lambda: ImageText().read(CORPUS, "train", 0, rows=1, length=16), "2 or more"),
        (lambda: ImageText().read(CORPUS, "train", 0, rows=4, length=5), "length of"),
        (lambda: SimCSE().read(CORPUS, "train", 0, rows=1, length=5), "2 or more"),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(PretrainError, match=message):
        make()


def test_bad_corpora_are_refused(world):
    with pytest.raises(PretrainError, match="corpora.shapes"):
        ImageText().read(world, "train", 0, rows=4, length=16)
    with pytest.raises(EmptyCorpusError, match="3 different"):
        next(distinct([1, 1, 1], 3))
    with pytest.raises(EmptyCorpusError, match="161 different"):
        next(distinct(CORPUS.scenes("train"), 161))
