"""Activation checkpointing: equal losses and gradients, and bytes that are counted."""

import torch

from pretrain.attention import full
from pretrain.experiments.checkpointing import Recomputed
from pretrain.model import Cache, ModelConfig, redraw
from pretrain.saved_memory import saved_by, saved_bytes

CONFIG = ModelConfig(30, width=16, depth=4, heads=2, context=32)


def model_of(again: bool):
    """Redrawn weights: at the start every block is the identity, and hides errors."""
    model = redraw(CONFIG.build(), seed=1).double()
    model.checkpoint_blocks = again
    return model


def loss_of(model):
    ids = torch.randint(0, 30, (3, 20), generator=torch.Generator().manual_seed(0))
    return model(ids).log_softmax(-1)[..., 3].square().sum()


def test_losses_and_gradients_are_equal():
    found = []
    for again in (False, True):
        model = model_of(again)
        loss = loss_of(model)
        loss.backward()
        found.append((loss.detach(), [p.grad for p in model.parameters()]))
    (plain, gradients), (other, others) = found
    # the same operations in float64; sums may run in another order
    torch.testing.assert_close(plain, other, rtol=1e-12, atol=0)
    for one, two in zip(gradients, others, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-10)
        assert one.abs().max() > 0


def test_blocks_run_twice_in_training_and_once_without_gradients():
    model = model_of(True)
    calls = []
    model.blocks[0].register_forward_pre_hook(lambda *_: calls.append(1))
    loss_of(model).backward()
    assert len(calls) == 2
    with torch.no_grad():
        loss_of(model)
    assert len(calls) == 3


def test_a_cache_is_never_filled_twice():
    model = model_of(True)
    cache = Cache(CONFIG.depth)
    model(torch.zeros(1, 4, dtype=torch.long), cache=cache).sum().backward()
    assert cache.length == 4


def test_other_patterns_are_passed_on():
    ids = torch.arange(10)[None]
    plain, again = (model_of(flag)(ids, full()) for flag in (False, True))
    torch.testing.assert_close(plain, again, rtol=1e-12, atol=1e-12)


def test_bytes_of_a_known_graph():
    w = torch.zeros(8, 8, requires_grad=True)
    x = torch.zeros(5, 8)  # kept for the gradient of w: 5 · 8 floats of 4 bytes
    _, size = saved_bytes(lambda: (x @ w).sum(), [w])
    assert size == 5 * 8 * 4
    _, both = saved_bytes(lambda: (x @ w + x @ w).sum(), [w])
    assert both == size  # the same memory, counted once
    y, size = saved_bytes(lambda: (x @ w).exp(), [w])
    assert size == 2 * 5 * 8 * 4  # x, and exp's own result
    assert y.shape == (5, 8)


def test_checkpointing_keeps_what_goes_into_blocks_and_peaks_with_one_block():
    plain_model = model_of(False)
    plain = saved_by(plain_model, lambda: loss_of(plain_model))
    again_model = model_of(True)
    again = saved_by(again_model, lambda: loss_of(again_model))
    assert plain.block == 0 and 0 < again.block
    assert again.peak < plain.forward
    (few, few_again), (many, many_again) = kept_at(4), kept_at(8)
    # four layers more cost four inputs (B,T,D) of 8 bytes each, and not a byte else
    assert many_again.peak - few_again.peak == 4 * 3 * 20 * 16 * 8
    # without, four times all that one block keeps; its rotations are shared by all
    turns = again_model._rotations().untyped_storage().nbytes()
    assert many.forward - few.forward == 4 * (again.block - turns)


def kept_at(depth: int):
    config = ModelConfig(30, width=16, depth=depth, heads=2, context=32)
    plain, again = redraw(config.build()).double(), redraw(config.build()).double()
    again.checkpoint_blocks = True
    return (
        saved_by(plain, lambda: loss_of(plain)),
        saved_by(again, lambda: loss_of(again)),
    )


def test_measuring_leaves_the_model_as_it_was():
    model = model_of(True)
    before = loss_of(model)
    saved_by(model, lambda: loss_of(model))
    assert "forward" not in model.blocks[0].__dict__
    assert loss_of(model) == before and model.training


def test_a_recomputed_configuration_has_the_same_weights_and_header():
    model = Recomputed(CONFIG).build(3)
    assert model.checkpoint_blocks and model.config == CONFIG
    for one, two in zip(
        model.parameters(), CONFIG.build(3).parameters(), strict=True
    ):
        assert torch.equal(one, two)
    assert not CONFIG.build().checkpoint_blocks
