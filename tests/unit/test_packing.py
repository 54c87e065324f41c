"""Packing: what becomes of every token of every document, under each strategy."""

from itertools import islice

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pretrain.batch import PADDING
from pretrain.errors import EmptyCorpusError, PretrainError
from pretrain.objectives import Causal
from pretrain.packing import batches, pack, rows_from, utilization
from pretrain.tokens import Special

SPECIAL = Special()
PAD, DOC = SPECIAL.pad, SPECIAL.doc
STRATEGIES = ("whole", "concat", "pad")

corpora = st.lists(st.lists(st.integers(4, 30), max_size=12), min_size=1, max_size=8)
lengths = st.integers(2, 10)


def ribbon_of(documents) -> list[int]:
    return [DOC] + [token for d in documents for token in [*d, DOC]]


def packed(documents, length, strategy):
    return list(pack(documents, SPECIAL, length, strategy))


def without_padding(row):
    text = [token for token in row if token != PAD]
    assert row == text + [PAD] * (len(row) - len(text)), "padding is at the end only"
    return text


def test_the_three_strategies_by_hand():
    documents = [[4, 5], [6, 7, 8]]
    assert packed(documents, 4, "whole") == [[DOC, 4, 5, DOC, 6]]
    assert packed(documents, 4, "concat") == [
        [DOC, 4, 5, DOC, 6],
        [6, 7, 8, DOC, PAD],
    ]
    assert packed(documents, 4, "pad") == [[DOC, 4, 5, DOC, PAD], [DOC, 6, 7, 8, DOC]]


@given(corpora, lengths)
def test_concat_makes_every_token_a_target_exactly_once(documents, length):
    rows = rows_from(packed(documents, length, "concat"), SPECIAL)
    batch = Causal()(rows)
    assert batch.targets[batch.scored].tolist() == ribbon_of(documents)[1:]


@given(corpora, lengths)
def test_whole_rows_are_the_beginnings_of_runs_of_documents(documents, length):
    left = list(documents)
    rows = packed(documents, length, "whole")
    for number, row in enumerate(rows):
        assert row[0] == DOC and len(row) == length + 1
        taken = []
        while left and len(ribbon_of(taken)) < length + 1:
            taken.append(left.pop(0))
        assert without_padding(row) == ribbon_of(taken)[: length + 1]
        assert PAD not in row or number == len(rows) - 1, "only the last row is padded"
    assert not left, "no document is skipped"


@given(corpora, lengths)
def test_pad_gives_every_document_a_row_of_its_own(documents, length):
    rows = packed(documents, length, "pad")
    assert len(rows) == len(documents)
    for row, document in zip(rows, documents, strict=True):
        assert len(row) == length + 1
        assert without_padding(row) == [DOC, *document, DOC][: length + 1]


@given(corpora, lengths, st.sampled_from(STRATEGIES))
def test_documents_and_positions_by_a_plain_loop(documents, length, strategy):
    token_rows = packed(documents, length, strategy)
    rows = rows_from(token_rows, SPECIAL)
    assert rows.tokens.tolist() == token_rows
    for b, row in enumerate(token_rows):
        document, position = 0, -1
        for t, token in enumerate(row):
            position += 1
            if token == DOC and t > 0:
                document, position = document + 1, 0
            expected = (PADDING, 0) if token == PAD else (document, position)
            assert (rows.documents[b, t], rows.positions[b, t]) == expected


@given(corpora, st.sampled_from(STRATEGIES))
def test_the_callers_documents_are_left_as_they_are(documents, strategy):
    copy = [list(d) for d in documents]
    packed(documents, 5, strategy)
    assert documents == copy


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("skip", [0, 1, 3, 100])
def test_skip_equals_islice(strategy, skip):
    documents = [[4 + (i + j) % 9 for j in range(1 + i % 7)] for i in range(40)]
    how = dict(special=SPECIAL, rows=3, length=6, strategy=strategy)
    skipped = batches(documents, skip=skip, **how)
    expected = islice(batches(documents, **how), skip, None)
    for got, want in zip(skipped, expected, strict=True):
        assert torch.equal(got.tokens, want.tokens)
        assert torch.equal(got.documents, want.documents)


def test_batches_are_full_but_for_the_last():
    documents = [[4, 5, 6]] * 7
    sizes = [len(b) for b in batches(documents, SPECIAL, 3, 4, "pad")]
    assert sizes == [3, 3, 1]


def test_an_endless_corpus_is_read_only_as_far_as_needed():
    read = []

    def endless():
        while True:
            read.append(1)
            yield [4, 5, 6, 7]

    next(batches(endless(), SPECIAL, 2, 9))
    assert len(read) == 4  # two documents (and three <doc>) fill a row of ten


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_shortest_documents(strategy):
    assert packed([[4]], 4, strategy) == [[DOC, 4, DOC, PAD, PAD]]
    assert packed([[]], 4, strategy) == [[DOC, DOC, PAD, PAD, PAD]]


@pytest.mark.parametrize("strategy, rows", [("whole", 1), ("concat", 6), ("pad", 1)])
def test_a_document_longer_than_the_row(strategy, rows):
    # 25 tokens between two <doc> are 26 targets: 5 rows of 5, and 1 more.
    token_rows = packed([list(range(4, 29))], 5, strategy)
    assert len(token_rows) == rows
    assert token_rows[0] == [DOC, 4, 5, 6, 7, 8]


def test_utilization_of_rows_counted_by_hand():
    rows = rows_from(
        [
            [DOC, 4, 5, DOC, 6, 7, DOC, 8],  # three documents, full
            [DOC, 4, 5, DOC, PAD, PAD, PAD, PAD],  # one; its closing <doc> opens none
        ],
        SPECIAL,
    )
    found = utilization(rows)
    assert found.padding == 4 / 16
    assert found.filled == 12 / 16
    assert found.documents_per_row == 2.0


def test_utilization_of_one_document_a_row():
    rows = rows_from(packed([[4] * n for n in (1, 3, 6)], 9, "pad"), SPECIAL)
    assert utilization(rows).documents_per_row == 1.0


@pytest.mark.parametrize("length", [1, 0, -3])
def test_a_length_that_is_too_short(length):
    with pytest.raises(PretrainError, match="give a length of 2 or more"):
        pack([[4, 5]], SPECIAL, length)


def test_an_unknown_strategy_names_the_known_ones():
    with pytest.raises(PretrainError, match="'tetris': choose one of whole, concat"):
        pack([[4, 5]], SPECIAL, 4, "tetris")


@pytest.mark.parametrize("rows", [0, -1])
def test_batches_without_rows(rows):
    with pytest.raises(PretrainError, match="give 1 or more"):
        next(batches([[4, 5]], SPECIAL, rows, 4))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_empty_corpus_says_so(strategy):
    with pytest.raises(EmptyCorpusError, match="holds no documents"):
        next(batches([], SPECIAL, 2, 4, strategy))
    with pytest.raises(EmptyCorpusError, match="no rows"):
        rows_from([], SPECIAL)


def test_some_rows_of_a_batch():
    rows = rows_from(packed([[4, 5]] * 5, 4, "pad"), SPECIAL)
    part = rows[1:3]
    assert len(part) == 2
    assert torch.equal(part.tokens, rows.tokens[1:3])
    assert torch.equal(part.positions, rows.positions[1:3])


@pytest.mark.parametrize("parts", [1, 2, 3, 5, 9])
def test_micro_batches_are_the_batch_cut_along_its_rows(parts):
    documents = [[4] * n for n in (2, 3, 4, 5, 6)]
    batch = Causal()(rows_from(packed(documents, 6, "pad"), SPECIAL))
    cut = batch.split(parts)
    assert len(cut) == min(parts, 5)
    for name in ("inputs", "targets", "positions", "documents"):
        joined = torch.cat([getattr(part, name) for part in cut])
        assert torch.equal(joined, getattr(batch, name))
    masks = torch.cat([part.attention.mask(6) for part in cut])
    assert torch.equal(masks, batch.attention.mask(6))
