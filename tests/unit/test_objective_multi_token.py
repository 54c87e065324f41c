"""Multi-token prediction: its targets, its loss, its heads, and that nothing leaks."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain.corpora.markov import weather
from pretrain.errors import PretrainError
from pretrain.evaluation.generation import generate
from pretrain.losses import IGNORE
from pretrain.model import ModelConfig, Transformer, redraw
from pretrain.multi_token import MultiTokenConfig
from pretrain.objectives import Causal, MultiToken
from pretrain.objectives.multi_token import ahead
from pretrain.packing import batches, pack, rows_from
from pretrain.tokens import words
from pretrain.training import Budget, fit

WORDS = words(["a b c d e f g h"], split="blanks")
WORLD = weather()


def config(vocab_size, horizons=3, **options):
    return MultiTokenConfig(
        vocab_size, width=16, depth=2, heads=2, horizons=horizons, **options
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(4, 11), max_size=6), min_size=1, max_size=5),
    st.integers(2, 12),
    st.integers(1, 5),
)
def test_targets_are_those_of_a_loop(documents, length, k):
    rows = rows_from(
        list(pack(documents, WORDS.special, length, "whole")), WORDS.special
    )
    batch = Causal()(rows)
    found = ahead(batch, k)
    tokens, ids = rows.tokens, rows.documents
    for b in range(len(tokens)):
        for t in range(length):
            inside = t + k <= length and ids[b, t] >= 0
            # The k tokens after t: all but the last must lie in t's own document,
            # and the last may be the <doc> that closes it (it opens the next one).
            inside = inside and (ids[b, t : t + k] == ids[b, t]).all()
            inside = inside and ids[b, t + k] >= 0
            expected = tokens[b, t + k] if inside else IGNORE
            assert found[b, t] == expected
    if k == 1:
        assert torch.equal(found, batch.targets)


def test_loss_is_the_sum_of_one_cross_entropy_a_distance():
    rows = next(batches(WORLD.stream("train", 0), WORLD.tokenizer.special, 4, 24))
    batch = MultiToken()(rows)
    model = redraw(config(WORLD.tokenizer.vocab_size).build(0)).double()
    loss = MultiToken(0.5).loss(model, batch)
    states = model.horizons(batch.inputs, batch.attention, batch.positions)
    expected = 0.0
    for k, hidden in enumerate(states, 1):
        each = F.cross_entropy(
            model.logits(hidden).transpose(1, 2), ahead(batch, k), reduction="sum"
        )
        expected = expected + (1.0 if k == 1 else 0.5) * each
    torch.testing.assert_close(loss.sum, expected)
    assert int(loss.count) == batch.count
    assert set(loss.parts) == {"next", "ahead_2", "ahead_3"}


def test_with_one_horizon_it_is_the_causal_model():
    vocab_size = WORLD.tokenizer.vocab_size
    rows = next(batches(WORLD.stream("train", 0), WORLD.tokenizer.special, 4, 24))
    one = config(vocab_size, horizons=1).build(5)
    plain = Transformer(ModelConfig(vocab_size, width=16, depth=2, heads=2), 5)
    batch = Causal()(rows)
    ours, theirs = MultiToken().loss(one, batch), Causal().loss(plain, batch)
    torch.testing.assert_close(ours.sum, theirs.sum)


def test_no_head_sees_the_future_or_another_document():
    model = redraw(config(WORDS.vocab_size, 3).build(0)).double()
    documents = [[4, 5, 6, 7], [8, 9, 10]]
    rows = rows_from(
        list(pack(documents, WORDS.special, 9, "whole")), WORDS.special
    )
    batch = Causal()(rows)

    def states(inputs):
        found = model.horizons(inputs, batch.attention, batch.positions)
        return torch.stack(found, 2)[0]  # (T,K,D)

    before = states(batch.inputs)
    for place in range(9):
        moved = batch.inputs.clone()
        moved[0, place] = 11
        change = (states(moved) - before).abs().amax((1, 2))
        same = batch.documents[0] == batch.documents[0, place]
        after = torch.arange(9) >= place
        assert (change[~(same & after)] == 0).all()
        assert (change[same & after] > 0).all(), "redrawn weights see what they may"


def test_it_trains_generates_and_drafts():
    made = config(WORLD.tokenizer.vocab_size)
    plan = Budget(tokens=4 * 2 * 32, rows=2, length=32, evaluations=1, held_out=5)
    run = fit(made, MultiToken(), WORLD, plan)
    assert run.log.records[-1]["loss_ahead_3"] > 0
    assert isinstance(run.held_out.objective, Causal)
    written = generate(run.model, [5], WORLD.tokenizer, max_tokens=4)
    assert len(written) <= 4
    drafted = run.model.draft(torch.tensor([[1, 5]]))
    assert drafted.shape == (1, 3)
    p = run.model(torch.tensor([[1, 5]]))[0, -1]
    assert drafted[0, 0] == p.argmax()


def test_bad_input():
    with pytest.raises(PretrainError, match="0 horizons"):
        config(9, horizons=0)
    with pytest.raises(PretrainError, match="further tokens is -1"):
        MultiToken(-1.0)
