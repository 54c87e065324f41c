"""Denoising: each kind of damage by itself, their composition, both forms."""

import math
from collections import Counter as Tally

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pretrain import tokens
from pretrain.corpora.microworld import Microworld
from pretrain.encoder_decoder import EncoderDecoderConfig
from pretrain.errors import PretrainError
from pretrain.losses import IGNORE
from pretrain.model import ModelConfig
from pretrain.objectives import Denoising, corruptions
from pretrain.objectives.denoising import sentence_ends
from pretrain.packing import pack, rows_from
from pretrain.random import Counter
from pretrain.training import Budget, fit

WORDS = tokens.words([".", "!", *(f"w{i}" for i in range(40))])
SPECIAL = WORDS.special
PAD, DOC, MASK, FIRST = SPECIAL.pad, SPECIAL.doc, SPECIAL.mask, SPECIAL.reserved
STOP = WORDS.encode(".")[0]

documents = st.lists(st.integers(FIRST, WORDS.vocab_size - 1), min_size=1, max_size=40)
rates = st.floats(0.01, 0.99)
seeds = st.integers(0, 2**32 - 1)


def lots(shape, seed=0):
    return np.random.default_rng(seed).random(shape)


def rows_of(texts, length=24, strategy="whole"):
    return rows_from(list(pack(texts, SPECIAL, length, strategy)), SPECIAL)


# -- masking and deletion -------------------------------------------------------------


@given(documents, rates, seeds)
def test_masking_and_deletion_hit_a_fixed_number(document, rate, seed):
    draws, before = Counter(seed).uniform(len(document)), list(document)
    wanted = max(1, round(rate * len(document)))
    masked = corruptions.mask(document, rate, draws, MASK)
    assert len(masked) == len(document) and masked.count(MASK) == wanted
    kept = [t for t in masked if t != MASK]
    # Deletion of the same tokens leaves what masking leaves, without the marks.
    assert corruptions.delete(document, rate, draws) == kept
    assert all(a in (b, MASK) for a, b in zip(masked, document, strict=True))
    assert document == before


def test_every_token_is_chosen_equally_often():
    chosen = sum(corruptions.choose(10, 0.3, row) for row in lots((5000, 10)))
    assert chosen.sum() == 15_000
    # Choices within a row are negatively dependent: the statistic is below χ²(9).
    assert stats.chisquare(chosen).pvalue > 1e-6


# -- Poisson and infilling ------------------------------------------------------------


@given(st.floats(0, 1, exclude_max=True), st.floats(1, 100))
def test_poisson_is_scipys_quantile(u, mean):
    """The smallest k whose cumulative probability exceeds u.

    SciPy computes the same sum otherwise; at a step the two may fall on either side, so
    u stays 1e-9 away from it.
    """
    k = corruptions.poisson(u, mean)
    assert stats.poisson.cdf(k, mean) > u - 1e-9
    assert k == 0 or stats.poisson.cdf(k - 1, mean) <= u + 1e-9


def test_poisson_has_its_distribution():
    """20,000 draws with mean 3 against the probabilities, 8 and more together."""
    found = np.array([corruptions.poisson(u, 3.0) for u in lots(20_000)])
    counts = np.bincount(np.minimum(found, 8), minlength=9)
    p = stats.poisson.pmf(np.arange(9), 3.0)
    p[8] = stats.poisson.sf(7, 3.0)
    assert stats.chisquare(counts, 20_000 * p).pvalue > 1e-6
    assert corruptions.poisson(1 - 2.0**-53, 100.0) < 250, "it ends"


@given(documents, rates, st.floats(1, 10), seeds)
def test_infilling_keeps_what_it_does_not_hide(document, rate, mean, seed):
    n = len(document)
    found = corruptions.infill(
        document, rate, mean, Counter(seed).uniform(3 * n).reshape(3, n), MASK
    )
    kept = [t for t in found if t != MASK]
    hidden, spans = n - len(kept), found.count(MASK)
    # The rate's number exactly, unless n draws were too short for it.
    assert hidden == max(1, round(rate * n)) or (hidden < rate * n + 1 and spans == n)
    # What stays is the document with the hidden tokens left out, in order.
    rest = iter(document)
    assert all(token in rest for token in kept)


def test_infilling_by_hand():
    """Lengths 2 and 0 from uniform numbers; then the span ends at the rate."""
    p0 = math.exp(-3.0)
    two = p0 * (1 + 3.0) + 1e-6  # just above P(X ≤ 1)
    own = np.full((3, 10), 0.9)
    own[0, :3] = [0.0, two, two]  # lengths 0, 2, and 2 cut to 1: three of ten tokens
    own[1, [0, 2, 3]] = 0.1  # of the 10 − 3 + 3 slots, these are the spans
    found = corruptions.infill([*range(10, 20)], 0.3, 3.0, own, MASK)
    # Slots 0, 2 and 3 are spans: nothing, 10 | then 11 12, 13.
    assert found == [MASK, 10, MASK, MASK, 14, 15, 16, 17, 18, 19]


def test_spans_may_be_empty_and_may_be_neighbors():
    both = empty = 0
    for seed in range(300):
        own = lots((3, 10), seed)
        found = corruptions.infill([*range(10, 20)], 0.3, 3.0, own, MASK)
        both += any(a == b == MASK for a, b in zip(found, found[1:], strict=False))
        empty += found.count(MASK) > 3  # three tokens are hidden: one span has none
    assert both and empty


def test_every_arrangement_is_equally_likely():
    """One span of two tokens among six: it begins at any of five places."""
    draws = lots((4000, 3, 6))
    draws[:, 0, 0] = 0.35  # a length of 2 with mean 3: P(X ≤ 1) = 0.20, P(X ≤ 2) = 0.42
    found = Tally(
        corruptions.infill([*range(10, 16)], 0.3, 3.0, own, MASK).index(MASK)
        for own in draws
    )
    assert set(found) == set(range(5))
    assert stats.chisquare(list(found.values())).pvalue > 1e-6


# -- order ----------------------------------------------------------------------------


@given(documents, seeds)
def test_permuting_moves_whole_sentences(document, seed):
    ends = sentence_ends(WORDS)
    found = corruptions.permute(document, ends, Counter(seed).uniform(len(document)))

    def sentences(text):
        parts = [[]]
        for token in text:
            parts[-1].append(token)
            if ends[token]:
                parts.append([])
        return Tally(tuple(part) for part in parts if part)

    assert Tally(found) == Tally(document)
    if ends[document[-1]]:  # else the last part, without a mark, may join another
        assert sentences(found) == sentences(document)


def test_every_order_is_equally_likely():
    text = [10, STOP, 11, STOP, 12, STOP]
    ends = sentence_ends(WORDS)
    found = Tally(
        tuple(corruptions.permute(text, ends, row)[::2]) for row in lots((3000, 6))
    )
    assert len(found) == 6
    assert stats.chisquare(list(found.values())).pvalue > 1e-6


@given(documents, st.floats(0, 1, exclude_max=True))
def test_a_rotated_document_turns_back(document, lot):
    found = corruptions.rotate(document, lot)
    start = int(lot * len(document))
    back = len(document) - start
    assert found[0] == document[start]
    assert found[back:] + found[:back] == document


def test_sentence_ends_of_each_kind_of_tokenizer():
    assert sentence_ends(WORDS).nonzero()[0].tolist() == [STOP, WORDS.encode("!")[0]]
    world = Microworld().tokenizer
    ends = sentence_ends(world)
    assert [world.token(i) for i in ends.nonzero()[0]].count(".") == 1
    characters = tokens.characters(["a. b? c!\n"])
    found = {characters.token(i) for i in sentence_ends(characters).nonzero()[0]}
    assert found == {".", "?", "!"}


# -- the objective --------------------------------------------------------------------

kinds = st.sampled_from(
    [
        dict(),
        dict(infill=0.0, permute=False, mask=0.15),
        dict(infill=0.0, permute=False, delete=0.5),
        dict(infill=0.0),
        dict(infill=0.0, permute=False, rotate=True),
        dict(infill=0.3, mask=0.2, delete=0.9, rotate=True, mean_span=1.0),
    ]
)


@given(
    st.lists(documents, min_size=1, max_size=4),
    kinds,
    st.sampled_from(["one-stack", "encoder-decoder"]),
    seeds,
)
def test_the_answer_is_the_document(texts, kind, form, seed):
    rows = rows_of(texts)
    before = rows.tokens.clone()
    objective = Denoising(form=form, **kind)
    batch = objective(rows, WORDS, Counter(seed))
    assert torch.equal(batch.inputs, objective(rows, WORDS, Counter(seed)).inputs)
    for b in range(len(rows)):
        answers = batch.targets[b][batch.targets[b] != IGNORE].tolist()
        # The row again but for its first <doc>; a last token that only a causal model
        # would be scored on is not read.
        row = [t for t in rows.tokens[b].tolist() if t != PAD]
        cut = row[-1] != DOC and len(row) == rows.tokens.shape[1]
        wanted = row[1:-1] if cut else row[1:]
        assert answers == wanted
        read = batch.inputs[b] if form == "one-stack" else batch.source[b]
        assert not set(read.tolist()) & {SPECIAL.unk}
    assert torch.equal(rows.tokens, before)


def test_specials_are_neither_damaged_nor_made():
    rows = rows_of([[10, 11, STOP, 12, 13, STOP]], 8, "pad")
    batch = Denoising(delete=0.3, form="encoder-decoder")(
        rows, WORDS, torch.Generator().manual_seed(0)
    )
    assert (batch.source == DOC).sum() == 1 and batch.source[0, 0] == DOC
    assert batch.inputs[0, 0] == DOC and (batch.inputs == MASK).sum() == 0
    assert (batch.source == MASK).any()


@pytest.mark.parametrize("form", ["one-stack", "encoder-decoder"])
def test_it_trains(form):
    corpus = Microworld()
    tiny = Budget(tokens=4 * 4 * 64, rows=4, length=64, evaluations=1, held_out=8)
    sizes = dict(vocab_size=corpus.tokenizer.vocab_size, width=16, depth=1, heads=2)
    config = {
        "one-stack": ModelConfig(**sizes),
        "encoder-decoder": EncoderDecoderConfig(decoder_depth=1, **sizes),
    }[form]
    run = fit(config, Denoising(form=form), corpus, tiny, device="cpu", progress=False)
    assert len(run.log.records) == 4 and math.isfinite(run.eval_loss)
    held_out = run.held_out
    scored = sum(batch.count for batch in held_out.batches)
    assert scored == sum(len(d.tokens) + 1 for d in held_out.documents)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Denoising(infill=1.5), "share of tokens to infill is 1.5"),
        (lambda: Denoising(mask=math.nan), "share of tokens to mask is nan"),
        (lambda: Denoising(delete=-0.1), "share of tokens to delete is -0.1"),
        (lambda: Denoising(mean_span=0.5), "give 1 to 100"),
        (lambda: Denoising(mean_span=math.nan), "give 1 to 100"),
        (lambda: Denoising(infill=0, permute=False), "nothing is damaged"),
        (lambda: Denoising(form=""), "choose 'one-stack'"),
        (
            lambda: Denoising()(
                rows_from([[DOC, DOC]], SPECIAL), WORDS, torch.Generator()
            ),
            "give longer documents",
        ),
        (
            lambda: Denoising()(
                rows_of([[4, 5]]), tokens.words(["a", "b"], mask=False),
                torch.Generator(),
            ),
            "has no <mask>",
        ),
    ],
)  # fmt: skip
def test_errors(make, message):
    with pytest.raises(PretrainError, match=message):
        make()
