"""The mixture of denoisers: who is drawn, its mode token, its counts, the sequel."""

import math
from dataclasses import asdict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pretrain import tokens
from pretrain.corpora.extended import WithTokens
from pretrain.corpora.microworld import Microworld
from pretrain.errors import PretrainError
from pretrain.losses import IGNORE
from pretrain.model import ModelConfig
from pretrain.objectives import MixtureOfDenoisers, SpanCorruption
from pretrain.objectives.mixture import UL2, Denoiser
from pretrain.objectives.span import counts, restore
from pretrain.packing import pack, rows_from
from pretrain.random import Counter
from pretrain.training import Budget, fit

MIXTURE = MixtureOfDenoisers()
WORDS = tokens.with_extras(
    tokens.words([f"w{i}" for i in range(40)]), MIXTURE.extra_tokens
)
SPECIAL = WORDS.special
PAD, DOC, FIRST = SPECIAL.pad, SPECIAL.doc, SPECIAL.reserved
LAST = SPECIAL.first_extra - 1
MODES = {SPECIAL.extra(f"<{mode}>"): mode for mode in "RSX"}


def rows_of(texts, length=24, strategy="whole"):
    return rows_from(list(pack(texts, SPECIAL, length, strategy)), SPECIAL)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def split(batch, row):
    """Mode, source and answer of a row of one document, in one stack."""
    inputs = batch.inputs[row][batch.documents[row] == 0].tolist()
    at = inputs.index(DOC, 1)
    answer = [t for t in batch.targets[row].tolist() if t != IGNORE]
    return MODES[inputs[1]], inputs[2:at], answer


documents = st.lists(st.integers(FIRST, LAST), min_size=2, max_size=40)


@given(documents, st.sampled_from(UL2), st.integers(0, 2**32 - 1))
def test_each_denoiser_hides_its_share_and_can_be_undone(document, denoiser, seed):
    objective = MixtureOfDenoisers((denoiser,))
    rows = rows_of([document], 42, "pad")
    before = rows.tokens.clone()
    batch = objective(rows, WORDS, Counter(seed))
    assert torch.equal(batch.inputs, objective(rows, WORDS, Counter(seed)).inputs)
    mode, source, answer = split(batch, 0)
    assert mode == denoiser.mode
    assert restore(source, answer, SPECIAL) == document
    mean = denoiser.mean_span or len(document)
    hidden, spans = counts(len(document), denoiser.rate, mean)
    assert len(answer) == hidden + spans + 1
    assert torch.equal(rows.tokens, before)


@given(documents, st.integers(0, 2**32 - 1))
def test_the_sequel_hides_the_end(document, seed):
    objective = MixtureOfDenoisers((Denoiser("S", 0.25, None),))
    batch = objective(rows_of([document], 42, "pad"), WORDS, Counter(seed))
    _, source, answer = split(batch, 0)
    hidden = min(max(round(0.25 * len(document)), 1), len(document) - 1)
    assert source[:-1] == document[:-hidden]
    assert answer[1:-1] == document[-hidden:]


@pytest.mark.parametrize("weights", [None, (1, 0, 2, 1, 0, 0, 4)])
def test_denoisers_are_drawn_by_their_weights(weights):
    """7,000 uniform numbers, chi-square; a denoiser of weight 0 never."""
    objective = MixtureOfDenoisers(weights=weights)
    lots = np.random.default_rng(0).random(7000)
    drawn = [UL2.index(objective.draw(lot)) for lot in lots]
    found = np.bincount(drawn, minlength=7)
    share = np.array(weights or [1] * 7) / sum(weights or [1] * 7)
    assert (found[share == 0] == 0).all()
    used = share > 0
    assert stats.chisquare(found[used], 7000 * share[used]).pvalue > 1e-6


def test_the_ends_of_the_draw():
    objective = MixtureOfDenoisers(weights=(0, 1, 1, 0, 0, 0, 0))
    assert objective.draw(0.0) == UL2[1]
    assert objective.draw(1 - 2.0**-53) == UL2[2]


def test_documents_of_a_batch_draw_for_themselves():
    rows = rows_of([[*range(4, 34)]] * 200, 32, "pad")
    batch = MIXTURE(rows, WORDS, generator())
    modes = [split(batch, row)[0] for row in range(200)]
    assert set(modes) == set("RSX")
    # 2, 1 and 4 of seven: within four standard errors of 200 draws
    for mode, expected in (("R", 2 / 7), ("S", 1 / 7), ("X", 4 / 7)):
        error = math.sqrt(expected * (1 - expected) / 200)
        assert abs(modes.count(mode) / 200 - expected) < 4 * error


def test_one_denoiser_is_span_corruption_with_a_mode():
    rows = rows_of([[*range(4, 34)]], 32, "pad")

    alone = MixtureOfDenoisers((Denoiser("R", 0.15, 3.0),))
    lots = np.random.default_rng(0).random((30, 2))
    text = rows.tokens[0, 1:31].tolist()
    source, answer = alone.rewrite(text, lots, True, WORDS)
    plain = SpanCorruption().rewrite(text, lots[:, :1], True, WORDS)
    assert (source[1:], answer) == plain and source[0] == SPECIAL.extra("<R>")


def test_the_published_table():
    """R: 15 % at 3 and 8. S: 25 %. X: 50 % at 3, 8 and 64, and 15 % at 64."""
    found = [(d.mode, d.mean_span, d.rate) for d in UL2]
    assert sorted(found, key=str) == sorted(
        [
            ("R", 3.0, 0.15),
            ("R", 8.0, 0.15),
            ("S", None, 0.25),
            ("X", 3.0, 0.5),
            ("X", 8.0, 0.5),
            ("X", 64.0, 0.15),
            ("X", 64.0, 0.5),
        ],
        key=str,
    )
    assert asdict(MIXTURE)["denoisers"][0] == dict(mode="R", rate=0.15, mean_span=3.0)


def test_it_trains():
    corpus = WithTokens(Microworld(), MIXTURE.extra_tokens)
    tiny = Budget(tokens=4 * 4 * 64, rows=4, length=64, evaluations=1, held_out=8)
    sizes = dict(vocab_size=corpus.tokenizer.vocab_size, width=16, depth=1, heads=2)
    config = ModelConfig(**sizes)
    run = fit(config, MIXTURE, corpus, tiny, device="cpu", progress=False)
    assert len(run.log.records) == 4 and math.isfinite(run.eval_loss)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Denoiser("R", 1.5, 3.0), "rate of denoiser R is 1.5"),
        (lambda: Denoiser("R", math.nan, 3.0), "rate of denoiser R is nan"),
        (lambda: Denoiser("R", 0.15, 0.5), "give 1 or more"),
        (lambda: MixtureOfDenoisers(()), "a mixture of no denoisers"),
        (lambda: MixtureOfDenoisers(weights=(1.0,)), "7 numbers"),
        (lambda: MixtureOfDenoisers(weights=(0.0,) * 7), "not all 0"),
        (lambda: MixtureOfDenoisers(weights=(math.nan,) * 7), "7 numbers"),
        (lambda: MixtureOfDenoisers(form="both"), "choose 'one-stack'"),
        (
            lambda: MIXTURE(
                rows_of([[4, 5]]), tokens.words(["a", "b"]), generator()
            ),
            "has no token <extra_0>",
        ),
        (lambda: MIXTURE(rows_of([[4]], 3), WORDS, generator()), "give longer"),
    ],
)
def test_errors(make, message):
    with pytest.raises(PretrainError, match=message):
        make()
