"""Fill-in-the-middle: the round trip, both orders, all tokens scored, and infilling."""

import math
from collections import Counter as Tally

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pretrain import tokens
from pretrain.batch import PADDING
from pretrain.corpora.document import Document
from pretrain.corpora.extended import WithTokens
from pretrain.corpora.microworld import Microworld
from pretrain.errors import PretrainError
from pretrain.evaluation.generation import generate
from pretrain.losses import IGNORE
from pretrain.model import ModelConfig
from pretrain.objectives import Causal, FillInTheMiddle
from pretrain.objectives.fill_in_the_middle import NAMES, reorder, restore
from pretrain.packing import pack, rows_from
from pretrain.random import Counter
from pretrain.training import Budget, fit

PLAIN = tokens.words([f"w{i}" for i in range(40)])
WORDS = tokens.with_extras(PLAIN, NAMES)
SPECIAL = WORDS.special
PAD, DOC, FIRST = SPECIAL.pad, SPECIAL.doc, SPECIAL.reserved
OPENS, TURNS, FILLS = map(SPECIAL.extra, NAMES)

documents = st.lists(
    st.integers(FIRST, SPECIAL.first_extra - 1), min_size=1, max_size=20
)
shares = st.sampled_from([0.0, 0.5, 1.0])
seeds = st.integers(0, 2**32 - 1)


def rows_of(texts, length=24, strategy="whole"):
    return rows_from(list(pack(texts, SPECIAL, length, strategy)), SPECIAL)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_both_orders_by_hand():
    lots = np.array([0.5, 0.2])  # cuts at 3 and 1 of 0 … 5
    text = [10, 11, 12, 13, 14]
    assert reorder(text, lots, False, SPECIAL) == [
        OPENS, 10, TURNS, 13, 14, FILLS, 11, 12,
    ]  # fmt: skip
    assert reorder(text, lots, True, SPECIAL) == [
        OPENS, TURNS, 13, 14, FILLS, 10, 11, 12,
    ]  # fmt: skip


@given(documents, st.booleans(), seeds)
def test_the_round_trip_is_exact(document, spm, seed):
    lots, before = Counter(seed).uniform(2), list(document)
    found = reorder(document, lots, spm, SPECIAL)
    assert restore(found, SPECIAL) == document == before
    assert restore(document, SPECIAL) == document
    assert Tally(found) == Tally([*document, OPENS, TURNS, FILLS])


def test_cuts_are_uniform():
    """Two cuts, each at one of four places: 16 pairs, all equally likely."""
    text, found = [10, 11, 12], Tally()
    for lots in np.random.default_rng(0).random((9000, 2)):
        ids = reorder(text, lots, False, SPECIAL)
        found[ids.index(TURNS) - 1, len(ids) - ids.index(FILLS) - 1] += 1
    # before 0 … 3 and middle 0 … 3 − before: middle 0 has one pair of cuts, others two
    wanted = {
        (before, middle): 9000 * (1 if middle == 0 else 2) / 16
        for before in range(4)
        for middle in range(4 - before)
    }
    assert set(found) == set(wanted)
    cells = sorted(wanted)
    counts, expected = [found[c] for c in cells], [wanted[c] for c in cells]
    assert stats.chisquare(counts, expected).pvalue > 1e-6


@given(
    st.lists(documents, min_size=1, max_size=5),
    st.sampled_from(["whole", "concat", "pad"]),
    shares,
    shares,
    seeds,
)
def test_a_batch_is_causal_over_reordered_documents(texts, strategy, rate, spm, seed):
    rows = rows_of(texts, 24, strategy)
    before = rows.tokens.clone()
    objective = FillInTheMiddle(rate, spm)
    batch = objective(rows, WORDS, Counter(seed))
    again = objective(rows, WORDS, Counter(seed))
    assert torch.equal(batch.inputs, again.inputs)
    plain = Causal()(rows)
    for b in range(len(rows)):
        number = 0
        for k in range(int(plain.documents[b].max()) + 1):
            text = rows.tokens[b][rows.documents[b] == k].tolist()
            opened = text[0] == DOC
            text = text[opened:]
            if not text:
                continue
            here = batch.documents[b] == number
            read = batch.inputs[b][here].tolist()
            scored = batch.targets[b][here].tolist()
            reordered = TURNS in read or TURNS in scored
            written = read[1:] if opened else read
            if scored[-1] not in (DOC, IGNORE):
                written = [*written, scored[-1]]  # the row ends before it is read
            assert restore(written, SPECIAL) == text
            assert reordered or rate < 1
            assert not reordered or rate > 0
            # Every token is scored, on the one after it; a middle always ends.
            assert scored[:-1] == read[1:]
            assert not reordered or scored[-1] == DOC
            number += 1
        assert (batch.targets[b][batch.documents[b] == PADDING] == IGNORE).all()
    assert torch.equal(rows.tokens, before)


@given(st.lists(documents, min_size=1, max_size=5), seeds)
def test_rate_0_is_causal(texts, seed):
    rows = rows_of(texts, 12)
    ours, plain = FillInTheMiddle(0.0)(rows, WORDS, Counter(seed)), Causal()(rows)
    assert torch.equal(ours.inputs, plain.inputs)
    assert torch.equal(ours.targets, plain.targets)
    assert ours.attention.mask(12).equal(plain.attention.mask(12))


def test_shares_of_documents_and_of_orders():
    """2,000 documents, rate 0.7 and spm 0.25: within four standard errors."""
    rows = rows_of([[10, 11, 12]] * 2000, 4, "pad")
    batch = FillInTheMiddle(0.7, 0.25)(rows, WORDS, generator())
    reordered = (batch.inputs == TURNS).any(1)
    spm = (batch.inputs[reordered][:, 2] == TURNS) & (
        batch.inputs[reordered][:, -2] != TURNS
    )
    share = reordered.double().mean().item()
    assert abs(share - 0.7) < 4 * math.sqrt(0.7 * 0.3 / 2000)
    # PSM with nothing before looks the same: 7 of 16 pairs of cuts (one at place 0).
    alike = 0.25 + 0.75 * 7 / 16
    n = int(reordered.sum())
    assert abs(spm.double().mean().item() - alike) < 4 * math.sqrt(
        alike * (1 - alike) / n
    )


# -- infilling ------------------------------------------------------------------------


class Counting:
    """Documents that count from 0 up to ten: every middle has one right answer."""

    name = "counting"

    def __init__(self):
        self.tokenizer = tokens.words([f"w{i}" for i in range(10)])

    def stream(self, split, seed):
        while True:
            yield [*range(FIRST, FIRST + 10)]

    def heldout(self, split="validation", n=None):
        return [Document(tuple(range(FIRST, FIRST + 10)), "x")] * (n or 4)


def test_a_trained_model_fills_in_and_stops():
    """One document, always: 300 steps are enough to learn it in both orders."""
    objective = FillInTheMiddle(rate=0.9)
    corpus = WithTokens(Counting(), objective.extra_tokens)
    config = ModelConfig(
        corpus.tokenizer.vocab_size, width=32, depth=2, heads=2, context=64
    )
    budget = Budget(tokens=300 * 8 * 24, rows=8, length=24, evaluations=1, held_out=4)
    run = fit(config, objective, corpus, budget, device="cpu", progress=False)
    words = corpus.tokenizer
    text = [*range(FIRST, FIRST + 10)]
    for first, second in ((2, 5), (4, 9), (3, 4)):
        for order in ("psm", "spm"):
            prompt = objective.prompt(text[:first], text[second:], words, order)
            found = generate(run.model, prompt, words)
            assert found == text[first:second], (first, second, order)


def test_it_trains_on_microworld():
    objective = FillInTheMiddle()
    corpus = WithTokens(Microworld(), objective.extra_tokens)
    tiny = Budget(tokens=4 * 4 * 64, rows=4, length=64, evaluations=1, held_out=8)
    config = ModelConfig(corpus.tokenizer.vocab_size, width=16, depth=1, heads=2)
    run = fit(config, objective, corpus, tiny, device="cpu", progress=False)
    assert len(run.log.records) == 4 and math.isfinite(run.eval_loss)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FillInTheMiddle(1.5), "rate is 1.5"),
        (lambda: FillInTheMiddle(math.nan), "rate is nan"),
        (lambda: FillInTheMiddle(spm=-1.0), "spm is -1.0"),
        (
            lambda: FillInTheMiddle()(rows_of([[4, 5]]), PLAIN, generator()),
            "has no token <prefix>",
        ),
        (
            lambda: FillInTheMiddle()(rows_from([[DOC]], SPECIAL), WORDS, generator()),
            "two tokens or more",
        ),
        (lambda: restore([10, OPENS, TURNS, FILLS], SPECIAL), "no reordered document"),
        (lambda: restore([OPENS, 10], SPECIAL), "no reordered document"),
        (lambda: FillInTheMiddle().prompt([], [], WORDS, "msp"), "'psm' or 'spm'"),
    ],
)
def test_errors(make, message):
    with pytest.raises(PretrainError, match=message):
        make()
