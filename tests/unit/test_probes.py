"""Probes: states are where they should be, and accuracies are what they must be."""

import numpy as np
import pytest
import torch

from pretrain.attention import causal, full
from pretrain.corpora.document import Document
from pretrain.errors import PretrainError
from pretrain.evaluation.probes import features, few_label_curve
from pretrain.model import ModelConfig, Transformer, redraw
from pretrain.tokens import words

WORDS = words(["a b c d e f g h"])
CONFIG = ModelConfig(WORDS.vocab_size, width=16, depth=2, heads=2, context=12)
TEXTS = ["a b c", "h", "d e f g a b", "c c a", "g f"]


def documents(texts=TEXTS):
    return [Document(tuple(WORDS.encode(text)), text) for text in texts]


@pytest.fixture(scope="module")
def model():
    return redraw(Transformer(CONFIG), seed=1).double()


def alone(model, document, pattern):
    """(T,D): the states of one document, read in a batch of its own."""
    ids = torch.tensor([[WORDS.special.doc, *document.tokens]])
    return model.hidden(ids, pattern)[0, 1:].detach().numpy()


@pytest.mark.parametrize("pattern", [causal(), full()], ids=lambda p: p.name)
def test_padding_and_order_of_a_batch_change_nothing(model, pattern):
    found = {
        "mean": features(model, documents(), WORDS, pattern),
        "last": features(model, documents(), WORDS, pattern, "last"),
        "first": features(model, documents(), WORDS, pattern, [0] * len(TEXTS)),
    }
    for i, document in enumerate(documents()):
        states = alone(model, document, pattern)
        # float64 throughout; the fused kernels with and without a mask differ by less.
        for name, wanted in (
            ("mean", states.mean(0)),
            ("last", states[-1]),
            ("first", states[0]),
        ):
            np.testing.assert_allclose(found[name][i], wanted, atol=1e-9)


def test_a_causal_state_does_not_see_what_follows_and_a_full_one_does(model):
    pair = documents(["a b c", "a b h"])
    for pattern, same in ((causal(), True), (full(), False)):
        early = features(model, pair, WORDS, pattern, [1, 1])
        assert np.array_equal(early[0], early[1]) == same
        late = features(model, pair, WORDS, pattern, "last")
        assert not np.allclose(late[0], late[1])


def test_layers_go_from_the_embedding_to_the_last_block(model):
    pair = documents(["a b c", "h b a"])
    middle = features(model, pair, WORDS, full(), [1, 1], layer=0)
    assert np.array_equal(middle[0], middle[1]), "an embedding knows its token alone"
    last = features(model, pair, WORDS, full(), "last", layer=2)
    final = features(model, pair, WORDS, full(), "last")
    scale = np.sqrt((last**2).mean(1, keepdims=True) + 1e-6)  # RMS norm by hand
    np.testing.assert_allclose(last / scale, final, atol=1e-9)


def test_the_model_is_left_as_it_was(model):
    before = [p.clone() for p in model.parameters()]
    model.train()
    features(model, documents(), WORDS, causal(), layer=1)
    assert model.training
    model.eval()
    features(model, documents(), WORDS, causal())
    assert not model.training
    assert all(
        torch.equal(old, new)
        for old, new in zip(before, model.parameters(), strict=True)
    )
    assert not any(block._forward_hooks for block in model.blocks)


@pytest.mark.parametrize(
    "change, said",
    [
        ({"documents": []}, "one token or more"),
        ({"documents": documents() + [Document((), "")]}, "one token or more"),
        ({"where": "first"}, "mean"),
        ({"where": [0, 0]}, "one index for each"),
        ({"where": [0, 1, 0, 0, 0]}, "document 1 has 1 tokens"),
        ({"where": [0, 0, -1, 0, 0]}, "document 2"),
        ({"layer": 3}, "2 blocks"),
        ({"layer": -1}, "2 blocks"),
        ({"documents": documents(["a " * 12])}, "context"),
    ],
)
def test_features_say_what_is_wrong(model, change, said):
    arguments = {"documents": documents(), "where": "mean", "layer": None} | change
    with pytest.raises(PretrainError, match=said):
        features(
            model,
            arguments["documents"],
            WORDS,
            causal(),
            arguments["where"],
            arguments["layer"],
        )


def two_clouds(n=60, distance=6.0):
    """Two unit clouds: the best straight line is right Φ(distance/2) of the time."""
    random = np.random.default_rng(0)
    labels = np.repeat(["left", "right"], n)
    x = random.normal(size=(2 * n, 3))
    x[:, 0] += np.where(labels == "left", 0.0, distance)
    return x, labels


def test_separate_classes_are_told_apart_and_shuffled_labels_are_not():
    x, labels = two_clouds()
    curve = few_label_curve(x, labels, (1, 10), draws=8, seed=0)
    assert curve.shape == (2, 8)
    # Φ(3) = 0.9987 is the best possible; ten labels a class come close to it.
    assert curve[1].mean() > 0.97
    assert curve[0].mean() > 0.85
    shuffled = np.random.default_rng(1).permutation(labels)
    chance = few_label_curve(x, shuffled, (10,), draws=8, seed=0)
    # 100 test examples a draw: eight draws of chance lie within 0.5 ± 0.1.
    assert abs(chance.mean() - 0.5) < 0.1


def test_the_same_seed_draws_the_same_examples_for_other_features():
    x, labels = two_clouds(distance=2.0)
    once = few_label_curve(x, labels, (2, 5), 4, seed=3)
    assert np.array_equal(once, few_label_curve(x, labels, (2, 5), 4, seed=3))
    assert not np.array_equal(once, few_label_curve(x, labels, (2, 5), 4, seed=4))
    turn, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))
    for other in (x @ turn, 1000 * x + 7):  # the same cloud turned, or scaled and moved
        again = few_label_curve(other, labels, (2, 5), 4, seed=3)
        # One of some 110 test examples may lie on the line itself.
        np.testing.assert_allclose(again, once, atol=0.01)


def test_features_that_say_nothing_give_chance_and_no_warning():
    labels = np.array([0, 1] * 10)
    curve = few_label_curve(np.ones((20, 3)), labels, (2,), draws=3, seed=0)
    np.testing.assert_allclose(curve, 0.5)


def test_labeled_examples_are_not_tested_on():
    """On noise in 300 dimensions a probe knows its 80 labels by heart, and no more."""
    x = np.random.default_rng(0).normal(size=(200, 300))
    labels = np.array([0, 1] * 100)
    curve = few_label_curve(x, labels, (40,), draws=5, seed=0)
    # 5 draws of 120 examples at chance: 0.5 with a standard error of 0.02. The labeled
    # ones, all of them right, would lift it to 0.7.
    assert abs(curve.mean() - 0.5) < 0.1


@pytest.mark.parametrize(
    "x, labels, per_class, draws, said",
    [
        (np.zeros((4, 2)), [0, 1, 0], (1,), 1, "shape"),
        (np.zeros(4), [0, 1, 0, 1], (1,), 1, "shape"),
        (np.zeros((4, 2)), [0, 1, 0, 1], (), 1, "start at 1"),
        (np.zeros((4, 2)), [0, 1, 0, 1], (0,), 1, "start at 1"),
        (np.zeros((4, 2)), [0, 1, 0, 1], (1,), 0, "start at 1"),
        (np.zeros((4, 2)), [1, 1, 1, 1], (1,), 1, "2 classes"),
        (np.zeros((4, 2)), [0, 1, 0, 1], (2,), 1, "3 or more"),
    ],
)
def test_curves_say_what_is_wrong(x, labels, per_class, draws, said):
    with pytest.raises(PretrainError, match=said):
        few_label_curve(x, labels, per_class, draws, seed=0)
