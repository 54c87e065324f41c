"""Nobody sees what a pattern hides: on random weights, and shown able to fail.

Every weight is redrawn first. With output projections that start at zero, a model
without any mask moves past logits by exactly nothing, and these tests would be blind.
"""

import pytest
import torch

from pretrain.attention import causal, full, prefix, same_document, window
from pretrain.evaluation.inspection import (
    attention_weights,
    influence,
    leaks,
    moved,
    reach,
)
from pretrain.model import ModelConfig, Transformer, redraw

T, V = 9, 24
IDS = torch.tensor([[0, 0, 0, 1, 1, 2, 2, 2, 2]])
POSITIONS = torch.tensor([[0, 1, 2, 0, 1, 0, 1, 2, 3]])
PADDED = torch.tensor([[0, 0, 0, 1, 1, 1, -1, -1, -1]])
PATTERNS = [
    causal(),
    causal() | prefix(3),
    window(3),
    causal() & window(3),
    same_document(IDS),
    causal() & same_document(IDS),
    (causal() | prefix(4)) & same_document(IDS),
    causal() & same_document(PADDED),
]


def name(pattern):
    return pattern.name


def build(depth=2, seed=0, **changes):
    config = ModelConfig(V, width=32, depth=depth, heads=2, context=16, **changes)
    return redraw(Transformer(config), seed)


def tokens(seed=0):
    return torch.randint(0, V, (1, T), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("pattern", [*PATTERNS, full()], ids=name)
@pytest.mark.parametrize("depth", [1, 2])
def test_a_changed_token_moves_exactly_the_logits_that_may_see_it(pattern, depth):
    changed = moved(build(depth), tokens(), pattern)
    seen = reach(pattern, T, depth)[0]
    assert changed[~seen].eq(0).all()  # exactly: a hidden key has weight exp(−inf)
    assert changed[seen].gt(1e-5).all()  # float32 noise of these logits is below 1e-6


@pytest.mark.parametrize("pattern", PATTERNS, ids=name)
def test_the_leak_test_fails_without_the_mask(pattern):
    model = build()
    assert not leaks(model, tokens(), pattern, pattern)
    assert leaks(model, tokens(), full(), pattern)


@pytest.mark.parametrize("pattern", [*PATTERNS, full()], ids=name)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_jacobian_is_nonzero_where_the_pattern_reaches(pattern, depth):
    model = build(depth, seed=1)
    found = influence(model, tokens(), pattern, probes=1) != 0
    assert torch.equal(found, reach(pattern, T, depth)[0])
    if depth == 1:  # every pattern here lets a position see itself
        assert torch.equal(found, pattern.mask(T)[0])


@pytest.mark.parametrize("pattern", PATTERNS, ids=name)
def test_the_jacobian_test_fails_without_the_mask(pattern):
    found = influence(build(), tokens(), full(), probes=1) != 0
    assert not torch.equal(found, reach(pattern, T, 2)[0])


def test_a_causal_window_reaches_further_with_every_layer():
    pattern = causal() & window(3)
    for depth in (1, 2, 3):
        furthest = reach(pattern, T, depth)[0, -1].int().argmax().item()
        assert T - 1 - furthest == min(T - 1, 2 * depth)


@pytest.mark.parametrize("pattern", PATTERNS, ids=name)
def test_only_windows_reach_further_than_they_look(pattern):
    grows = not torch.equal(reach(pattern, T, 1), reach(pattern, T, 2))
    assert grows == ("window" in pattern.name)


def test_zero_initialized_outputs_hide_every_leak():
    model = Transformer(ModelConfig(V, width=32, depth=2, heads=2, context=16))
    others = ~torch.eye(T, dtype=torch.bool)
    assert moved(model, tokens(), full())[others].eq(0).all()
    assert not leaks(model, tokens(), full(), causal())
    assert leaks(redraw(model), tokens(), full(), causal())


def test_packing_without_a_document_mask_leaks():
    inputs, ids = tokens(), same_document(IDS)
    model = build()
    assert leaks(model, inputs, causal(), causal() & ids, POSITIONS)
    assert not leaks(model, inputs, causal() & ids, causal() & ids, POSITIONS)


def test_the_bigram_embedding_leaks_unless_positions_restart():
    model, inputs = build(bigram_rows=64), tokens()
    for pattern in (same_document(IDS), causal() & same_document(IDS)):
        assert not leaks(model, inputs, pattern, pattern, POSITIONS)
        assert leaks(model, inputs, pattern, pattern)  # positions run on: no reset


def test_attention_weights_are_those_that_the_layer_uses():
    model, inputs = build(), tokens()
    for layer, pattern in ((0, causal()), (1, causal() & same_document(IDS))):
        kept = {}
        attention = model.blocks[layer].attention
        hooks = [
            attention.register_forward_pre_hook(
                lambda _, a, kept=kept: kept.update(x=a[0], turns=a[1])
            ),
            attention.out.register_forward_pre_hook(
                lambda _, a, kept=kept: kept.update(y=a[0])
            ),
        ]
        model(inputs, pattern, POSITIONS)
        for hook in hooks:
            hook.remove()
        weights = attention_weights(model, inputs, pattern, layer, POSITIONS)
        v = attention.project(kept["x"], kept["turns"])[2]
        fetched = (weights @ v).transpose(1, 2).reshape(1, T, -1)
        # float32 sums over 9 keys, values near 1
        torch.testing.assert_close(fetched, kept["y"], atol=1e-5, rtol=1e-5)
        assert weights[:, :, ~pattern.mask(T)[0]].eq(0).all()
        torch.testing.assert_close(weights.sum(-1), torch.ones(1, 2, T))


def test_inspection_says_what_it_needs():
    model, two = build(), tokens().repeat(2, 1)
    for look in (influence, moved):
        with pytest.raises(ValueError, match="give one row"):
            look(model, two)
    with pytest.raises(ValueError, match="no layer 2: this model has 2"):
        attention_weights(model, tokens(), layer=2)
