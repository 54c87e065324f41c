"""Causal and masked: who may look where, nothing changed that was given, bad input."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_rows import (
    DOC,
    PAD,
    SPECIAL,
    WORDS,
    corpora,
    random_rows,
    rows_of,
    strategies,
)

from pretrain import tokens
from pretrain.batch import PADDING
from pretrain.errors import PretrainError
from pretrain.objectives import Causal, Masked
from pretrain.objectives.masked import ALL_MASK, BERT_SPLIT
from pretrain.packing import rows_from
from pretrain.random import generator_for


@given(corpora, strategies, st.booleans())
def test_objectives_leave_the_rows_as_they_are(documents, strategy, masked):
    rows = rows_of(documents, 8, strategy)
    before = [t.clone() for t in (rows.tokens, rows.documents, rows.positions)]
    objective = Masked(0.5) if masked else Causal()
    batch = objective(rows, WORDS, torch.Generator().manual_seed(0))
    batch.targets.fill_(-1)  # nor does writing into the targets reach the rows
    after = (rows.tokens, rows.documents, rows.positions)
    assert all(map(torch.equal, before, after))


# -- attention ------------------------------------------------------------------------


def seen_by_a_loop(batch, causal: bool, apart: bool) -> torch.Tensor:
    B, T = batch.inputs.shape
    seen = torch.zeros(B, T, T, dtype=torch.bool)
    for b in range(B):
        ids = batch.documents[b].tolist()
        for q in range(T):
            for k in range(T):
                text = ids[q] >= 0 and ids[k] >= 0
                same = ids[q] == ids[k] or not apart
                seen[b, q, k] = q == k or (text and same and (k < q or not causal))
    return seen


@pytest.mark.parametrize("strategy", ["whole", "concat", "pad"])
@pytest.mark.parametrize("objective", [Causal(), Masked()], ids=["causal", "masked"])
def test_attention_stays_inside_documents_and_off_padding(objective, strategy):
    documents = [[5, 6], [7], [8, 9, 10, 11, 12], [13, 14, 15]]
    rows = rows_of(documents, 9, strategy)
    batch = objective(rows, WORDS, generator_for(0))
    seen = batch.attention.mask(9).expand(len(rows), 9, 9)
    causal = isinstance(objective, Causal)
    assert torch.equal(seen, seen_by_a_loop(batch, causal, apart=True))
    apart = batch.documents[:, :, None] != batch.documents[:, None, :]
    assert apart.any(), "rows of one document would prove nothing"


@pytest.mark.parametrize("strategy", ["whole", "concat", "pad"])
@pytest.mark.parametrize("objective", [Causal, Masked])
def test_attention_across_documents_still_keeps_off_padding(objective, strategy):
    documents = [[5, 6], [7], [8, 9, 10, 11, 12], [13, 14, 15]]
    rows = rows_of(documents, 9, strategy)
    objective = objective(within_documents=False)
    batch = objective(rows, WORDS, generator_for(0))
    seen = batch.attention.mask(9).expand(len(rows), 9, 9)
    text = batch.documents != PADDING
    expected = seen_by_a_loop(batch, isinstance(objective, Causal), apart=False)
    assert torch.equal(seen[text], expected[text]), "every token sees all other text"


def test_a_row_of_one_document_takes_the_fast_patterns():
    rows = random_rows(2, 10)
    assert Causal()(rows).attention.name == "causal"
    assert Masked()(rows, WORDS, generator_for(0)).attention.name == "full"


def test_evaluation_hides_fifteen_percent_whatever_the_training():
    masked = Masked(0.4, BERT_SPLIT, whole_words=True).for_evaluation()
    assert masked == Masked(0.15, ALL_MASK, exact=True)
    assert Causal().for_evaluation() == Causal()


# -- bad input ------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0, 1.5, -0.1, math.nan, math.inf, -math.inf])
def test_a_rate_that_is_no_share(rate):
    with pytest.raises(PretrainError, match=f"the masking rate is {rate}: give a sha"):
        Masked(rate)


@pytest.mark.parametrize(
    "split",
    [
        (0.8, 0.1, 0.2),
        (0.8, 0.1),
        (1.2, -0.1, -0.1),
        (math.nan, 0.5, 0.5),
        (0.8, 0.1, math.nan),
        (math.inf, 0.0, 0.0),
    ],
)
def test_a_split_that_does_not_sum_to_one(split):
    with pytest.raises(PretrainError, match="three shares ≥ 0 that sum to 1"):
        Masked(0.15, split)


def test_a_tokenizer_without_a_mask():
    blind = tokens.words(["a", "b"], mask=False)
    with pytest.raises(PretrainError, match="has no <mask> token.*mask=True"):
        Masked()(random_rows(2, 5, tokenizer=blind), blind, generator_for(0))


def test_a_causal_model_needs_no_mask():
    blind = tokens.words(["a", "b"], mask=False)
    assert Causal()(random_rows(2, 5, tokenizer=blind), blind).scored.all()


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("whole_words", [False, True])
def test_rows_without_an_ordinary_token(exact, whole_words):
    rows = rows_from([[DOC, DOC, PAD, PAD], [DOC, SPECIAL.unk, DOC, PAD]], SPECIAL)
    masked = Masked(exact=exact, whole_words=whole_words)
    with pytest.raises(PretrainError, match="special tokens only.*nothing to mask"):
        masked(rows, WORDS, generator_for(0))


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("whole_words", [False, True])
def test_one_such_row_among_others_is_left_alone(exact, whole_words):
    rows = rows_from([[DOC, DOC, PAD, PAD], [DOC, 5, 6, DOC]], SPECIAL)
    masked = Masked(exact=exact, whole_words=whole_words)
    batch = masked(rows, WORDS, generator_for(0))
    assert not batch.scored[0].any() and batch.scored[1].any()


def test_masking_warns_of_nothing(recwarn):
    """A warning would land in the built page."""
    rows = random_rows(2, 10)
    for exact in (False, True):
        Masked(exact=exact, whole_words=True)(rows, WORDS, generator_for(0))
    assert not recwarn.list
