"""Span corruption is T5's: its lengths, its random masks, its labels.

Held against the values that T5's ``random_spans_helper`` gives (published with the
paper: 512 inputs are 568 tokens and 114 targets), against a NumPy version of the
algorithm as published (google-research/text-to-text-transfer-transformer,
``random_spans_noise_mask``), and against T5ForConditionalGeneration of transformers.
Nothing is downloaded.
"""

import numpy as np
import pytest
import torch

transformers = pytest.importorskip("transformers")

from pretrain import tokens  # noqa: E402
from pretrain.losses import cross_entropy  # noqa: E402
from pretrain.objectives import SpanCorruption  # noqa: E402
from pretrain.objectives.span import (  # noqa: E402
    counts,
    lengths,
    noise_mask,
    sentinel_names,
)
from pretrain.packing import pack, rows_from  # noqa: E402

WORDS = tokens.with_extras(
    tokens.words([f"w{i}" for i in range(40)]), sentinel_names(8)
)
SPECIAL = WORDS.special
PAD, DOC = SPECIAL.pad, SPECIAL.doc


def test_the_published_lengths():
    """One position fewer for tokens is one fewer source position: 568 is the most."""
    assert lengths(512, 0.15, 3.0) == (568, 114)
    noise, spans = counts(568, 0.15, 3.0)
    assert (noise, spans) == (85, 28)
    assert 568 - noise + spans + 1 == 512


def published_mask(length, density, mean, random) -> np.ndarray:
    """T5's algorithm, step by step, with NumPy's shuffle."""
    noise = min(max(int(np.round(length * density)), 1), length - 1)
    spans = max(int(np.round(noise / mean)), 1)

    def segmentation(items, parts):
        starts = np.arange(items - 1) < parts - 1
        random.shuffle(starts)
        number = np.cumsum(np.concatenate([[0], starts]))
        return np.bincount(number, minlength=parts)

    hidden, shown = segmentation(noise, spans), segmentation(length - noise, spans)
    interleaved = np.stack([shown, hidden], 1).reshape(-1)
    starts = np.cumsum(interleaved)[:-1]
    indicator = np.zeros(length, dtype=int)
    indicator[starts] = 1
    return np.cumsum(indicator) % 2 == 1


@pytest.mark.parametrize(
    ("length", "rate", "mean"),
    [(568, 0.15, 3.0), (100, 0.15, 8.0), (64, 0.5, 3.0), (40, 0.3, 1.0), (20, 0.1, 10)],
)
def test_the_masks_have_the_published_statistics(length, rate, mean):
    """2,000 masks each: counts equal exactly, chances within five standard errors.

    Compared: how often each position is noise, and the share of spans of length 1, 2, …
    Seeds are fixed; five errors because up to 568 positions are looked at.
    """
    draws = 2000
    random = np.random.default_rng(1)
    ours = np.stack(
        [noise_mask(length, rate, mean, random.random(length)) for _ in range(draws)]
    )
    theirs = np.stack(
        [published_mask(length, rate, mean, random) for _ in range(draws)]
    )
    assert set(ours.sum(1)) == set(theirs.sum(1)) == {counts(length, rate, mean)[0]}
    begins = [np.diff(each.astype(int), axis=1) == 1 for each in (ours, theirs)]
    assert set(begins[0].sum(1)) == set(begins[1].sum(1))
    share = (ours.mean(0) + theirs.mean(0)) / 2
    bound = 5 * np.sqrt(2 * share * (1 - share) / draws) + 1e-12
    assert (abs(ours.mean(0) - theirs.mean(0)) <= bound).all()

    def sizes(masks):
        edges = np.diff(np.pad(masks.astype(int), ((0, 0), (1, 1))), axis=1)
        starts, stops = np.nonzero(edges == 1), np.nonzero(edges == -1)
        return np.bincount(stops[1] - starts[1], minlength=length)

    a, b = sizes(ours), sizes(theirs)
    assert a.sum() == b.sum()
    assert (abs(a - b) <= 5 * np.sqrt(a + b + 1)).all()
    assert (a @ np.arange(len(a))) / a.sum() == pytest.approx(
        counts(length, rate, mean)[0] / counts(length, rate, mean)[1]
    )


@pytest.fixture(scope="module")
def t5():
    torch.manual_seed(0)
    config = transformers.T5Config(
        vocab_size=WORDS.vocab_size, d_model=32, d_kv=16, d_ff=64, num_layers=2,
        num_heads=2, dropout_rate=0.0, pad_token_id=PAD, eos_token_id=DOC,
        decoder_start_token_id=DOC,
    )  # fmt: skip
    return transformers.T5ForConditionalGeneration(config).eval()


@torch.no_grad()
def test_t5_makes_our_decoder_inputs_and_our_loss(t5):
    """T5 shifts the labels right itself, after its start token, here ``<doc>``.

    Its loss is a mean in float32 over some thirty tokens: relative errors of 1e-6.
    """
    random = np.random.default_rng(0)
    texts = [random.integers(4, 44, n).tolist() for n in (20, 8, 13)]
    rows = rows_from(list(pack(texts, SPECIAL, 22, "pad")), SPECIAL)
    objective = SpanCorruption(form="encoder-decoder")
    batch = objective(rows, WORDS, torch.Generator().manual_seed(0))
    shifted = t5._shift_right(batch.targets)
    inside = batch.documents >= 0
    assert torch.equal(shifted[inside], batch.inputs[inside])
    theirs = t5(
        input_ids=batch.source,
        attention_mask=batch.source_documents >= 0,
        labels=batch.targets,
    )
    ours = cross_entropy(theirs.logits, batch.targets)
    assert ours.count == batch.count < batch.targets.numel(), "some is padding"
    assert ours.mean().item() == pytest.approx(theirs.loss.item(), rel=1e-6)


