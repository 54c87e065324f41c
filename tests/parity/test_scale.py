"""The arithmetic of `pretrain.scale`: PyTorch's own counts and published runs."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from pretrain import scale
from pretrain.attention import causal
from pretrain.batch import Batch
from pretrain.losses import cross_entropy
from pretrain.model import ModelConfig, Transformer, redraw
from pretrain.objectives import Causal
from pretrain.random import generator_for
from pretrain.saved_memory import saved_by, saved_bytes

B, T, D, L, HEADS, V = 2, 64, 64, 6, 4, 512


@pytest.fixture(scope="module")
def model():
    return redraw(Transformer(ModelConfig(V, D, L, HEADS, context=T)), 0)


@pytest.fixture(scope="module")
def batch():
    tokens = torch.randint(4, V, (B, T + 1), generator=generator_for(0))
    where = torch.arange(T).expand(B, T)
    return Batch(tokens[:, :-1], tokens[:, 1:], causal(), where, 0 * where)


def sizes(model):
    return dict(depth=L, width=D, vocabulary=V, heads=HEADS), model.parameter_count


def test_operations_are_those_that_pytorch_counts(model, batch):
    with FlopCounterMode(display=False) as counter:
        Causal().loss(model, batch).mean().backward()
    counted = counter.get_flop_counts()["Global"]
    products = sum(n for name, n in counted.items() if "attention" not in str(name))
    assert products == scale.operations(12 * L * D**2 + V * D, B * T)
    model.zero_grad(set_to_none=True)


def test_attention_operations_by_hand():
    """Queries with keys, weights with values: 2 T D each, forward; twice that back."""
    assert scale.attention_operations(1, 1, D, T) == 3 * (2 * T * D + 2 * T * D)
    # the chapter's T / (6 D) of the blocks' share
    share = scale.attention_operations(5, L, D, T) / scale.operations(12 * L * D**2, 5)
    assert share == pytest.approx(T / (6 * D))


@pytest.mark.parametrize("name", scale.PRECISIONS)
def test_states_are_pytorchs_bytes(name):
    """AdamW on a matrix, in float32 and with a master copy; 8-bit means by hand."""
    weight = torch.nn.Parameter(torch.zeros(64, 64))
    weight.grad = torch.ones(64, 64)
    adam = torch.optim.AdamW([weight])
    adam.step()
    means = sum(v.nbytes for v in adam.state[weight].values() if v.ndim)
    each = scale.PRECISIONS[name]
    if name == "float32":
        held = (weight.nbytes, weight.grad.nbytes, means)
    else:
        copy = weight.detach().bfloat16()  # what the products use
        if "8-bit" in name:
            means = 2 * weight.numel()
        held = (copy.nbytes, copy.clone().nbytes, weight.nbytes + means)
    assert held == tuple(
        4096 * size for size in (each.weight, each.gradient, each.optimizer)
    )


def test_blocks_keep_what_autograd_keeps(model, batch):
    shape, count = sizes(model)

    def run():
        return model.hidden(batch.inputs, batch.attention, batch.positions)

    _, kept = saved_bytes(run, model.parameters())
    found = scale.memory(
        count, B * T, precision=scale.PRECISIONS["float32"], **shape
    )["blocks"]
    # the formula leaves out the embedding's and the last norm: two in 18 L tensors
    assert found <= kept <= 1.05 * found
    model.checkpoint_blocks = True
    try:
        again = saved_by(model, run).peak
    finally:
        model.checkpoint_blocks = False
    found = scale.memory(
        count, B * T, precision=scale.PRECISIONS["float32"], recompute=True, **shape
    )["blocks"]
    # as above, and here the left out is more of the whole: three of 24 tensors
    assert found <= again <= 1.2 * found


def test_the_loss_keeps_one_of_its_three_copies(model, batch):
    shape, count = sizes(model)
    hidden = model.hidden(batch.inputs, batch.attention, batch.positions).detach()
    _, kept = saved_bytes(
        lambda: cross_entropy(model.logits(hidden), batch.targets).sum,
        model.parameters(),
    )
    found = scale.memory(
        count, B * T, precision=scale.PRECISIONS["float32"], **shape
    )["loss"]
    # beside the log-probabilities it keeps the states, a width of D beside V
    assert found / 3 <= kept <= found / 3 * (1 + 2 * D / V)


def test_shapes_are_about_the_published_ones():
    """GPT-3: 96 layers of width 12,288 (@brown2020language); Llama 3: 126 of 16,384
    (@grattafiori2024llama3)."""
    depth, width = scale.shape(174.6e9, 50_257)
    assert depth == 96
    assert width == pytest.approx(12_288, rel=0.002)
    depth, width = scale.shape(405e9, 128_000)
    assert abs(depth - 126) <= 1
    assert width == pytest.approx(16_384, rel=0.01)


@given(
    st.floats(1e7, 1e12), st.sampled_from([32_000, 128_000]), st.floats(1e16, 1e27)
)
@settings(max_examples=100)
def test_shapes_and_balances_hold_together(parameters, vocabulary, work):
    depth, width = scale.shape(parameters, vocabulary)
    assert depth >= 1 and width > 0
    count = 12 * depth * width**2 + vocabulary * width
    # a difference of nearly equal numbers where V² is most of the root: 1e-9
    assert count == pytest.approx(parameters, rel=1e-9)
    n, d = scale.balanced(work)
    assert d == pytest.approx(20 * n)
    assert scale.operations(n, d) == pytest.approx(work)


def test_published_operations_and_time():
    """GPT-3's 3.14e23 and LLaMA-65B's 1,022,362 GPU-hours, from their sizes."""
    assert scale.operations(174.6e9, 300e9) == pytest.approx(3.14e23, rel=0.002)
    mfu = 6 * 65.2e9 * 380 / scale.CHIPS["A100"].peak
    work = scale.operations(65.2e9, 1.4e12)
    hours = scale.chip_seconds(work, scale.CHIPS["A100"], mfu) / 3600
    assert hours == pytest.approx(1_022_362, rel=0.002)
