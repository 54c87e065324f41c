"""Static masking: the same row, the same masks; copies; and the limit of many."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pretrain.errors import PretrainError
from pretrain.objectives import Masked
from pretrain.objectives.static import StaticMasking
from pretrain.packing import rows_from
from pretrain.random import generator_for
from pretrain.tokens import words

TOKENIZER = words([f"w{i}" for i in range(30)], split="blanks")
PAD = TOKENIZER.special.pad


def rows(*documents: list[int], length: int = 0):
    full = [[1, *d, 1] for d in documents]
    longest = max(length, *map(len, full))
    padded = [r + [PAD] * (longest - len(r)) for r in full]
    return rows_from(padded, TOKENIZER.special)


def same(a, b) -> bool:
    return torch.equal(a.inputs, b.inputs) and torch.equal(a.targets, b.targets)


documents = st.lists(st.integers(4, 33), min_size=12, max_size=20)


@given(documents, st.integers(0, 99), st.integers(0, 99))
def test_one_copy_is_the_same_mask_whatever_the_generator(document, one, other):
    objective = StaticMasking(Masked(0.4), 1)
    first = objective(rows(document), TOKENIZER, generator_for(one))
    second = objective(rows(document), TOKENIZER, generator_for(other))
    assert same(first, second)


@given(documents, documents)
def test_neighbors_do_not_matter_in_an_exact_draw(document, neighbor):
    objective = StaticMasking(Masked(0.4, exact=True), 1)
    alone = objective(rows(document), TOKENIZER, generator_for(0))
    beside = objective(rows(neighbor, document), TOKENIZER, generator_for(1))
    n = len(document) + 1
    assert torch.equal(alone.targets[0, :n], beside.targets[1, :n])
    assert torch.equal(alone.inputs[0, :n], beside.inputs[1, :n])


def test_copies_are_as_many_masks_as_asked_and_equally_often():
    document = list(range(4, 34))
    objective = StaticMasking(Masked(0.4), 5)
    counts: dict[tuple, int] = {}
    for i in range(500):
        batch = objective(rows(document), TOKENIZER, generator_for(7, i))
        key = tuple(batch.targets[0].tolist())
        counts[key] = counts.get(key, 0) + 1
    assert len(counts) == 5
    # 100 expected of each, a standard deviation of 9: five of them on either side
    assert all(55 < count < 145 for count in counts.values())


def test_the_rate_is_the_inner_objective_s():
    objective = StaticMasking(Masked(0.3), 1_000_000)
    chosen = total = 0
    for i in range(300):
        batch = objective(rows(list(range(4, 34))), TOKENIZER, generator_for(3, i))
        chosen, total = chosen + batch.count, total + 30
    # 9,000 tokens: a standard error of 0.005
    assert chosen / total == pytest.approx(0.3, abs=0.02)


def test_held_out_text_is_scored_as_for_every_masked_model():
    assert StaticMasking(Masked(0.4), 3).for_evaluation() == Masked(
        0.4
    ).for_evaluation()
    assert StaticMasking().alignment == Masked.alignment


def test_no_copies_is_refused():
    with pytest.raises(PretrainError, match="give 1 or more"):
        StaticMasking(copies=0)
