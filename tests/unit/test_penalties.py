"""Label smoothing in two conventions, and the z-loss, against the formulas."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain.errors import EmptyLossError, PretrainError
from pretrain.losses import IGNORE, cross_entropy
from pretrain.penalties import (
    over_all,
    over_others,
    smoothed_cross_entropy,
    smoothed_target,
    smoothing_floor,
    with_z_loss,
    z_loss,
)

V = 11
# The same sums of float64 numbers of size 1 to 100, in another order.
SAME = {"rtol": 1e-12, "atol": 1e-12}


def example(shape=(3, 7), vocab_size=V, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn((*shape, vocab_size), generator=generator).double()
    targets = torch.randint(vocab_size, shape, generator=generator)
    hidden = torch.rand(shape, generator=generator) < 0.3
    return logits.requires_grad_(), targets.masked_fill(hidden, IGNORE)


def test_the_targets_of_the_module_docstring():
    assert smoothed_target(0.1, 4, "all") == pytest.approx((0.925, 0.025))
    assert smoothed_target(0.1, 4, "others") == pytest.approx((0.9, 0.1 / 3))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    share=st.floats(0, 0.999),
    vocab_size=st.integers(2, 50),
    convention=st.sampled_from(["all", "others"]),
    seed=st.integers(0, 50),
)
def test_loss_is_that_of_the_explicit_target(share, vocab_size, convention, seed):
    """Against PyTorch's cross-entropy with the whole distribution as its target."""
    most = 1.0 if convention == "all" else (vocab_size - 1) / vocab_size
    epsilon = share * most
    logits, targets = example(vocab_size=vocab_size, seed=seed)
    target, other = smoothed_target(epsilon, vocab_size, convention)
    assert target + (vocab_size - 1) * other == pytest.approx(1, abs=1e-12)
    assert target > other or share > 0.99
    scored = targets != IGNORE
    soft = torch.full_like(logits, other)
    soft.scatter_(-1, targets.clamp(min=0)[..., None], target)
    expected = F.cross_entropy(logits[scored], soft[scored], reduction="sum")
    loss = smoothed_cross_entropy(logits, targets, epsilon, convention)
    torch.testing.assert_close(loss.sum, expected, **SAME)
    assert int(loss.count) == int(scored.sum())


@pytest.mark.parametrize("vocab_size", [2, 4, 32_000])
def test_one_epsilon_means_two_things_and_translates(vocab_size):
    epsilon = 0.1
    more = over_all(epsilon, vocab_size, "others")
    assert more == pytest.approx(epsilon * vocab_size / (vocab_size - 1), rel=1e-15)
    assert over_others(more, vocab_size) == pytest.approx(epsilon, rel=1e-12)
    assert over_all(epsilon, vocab_size, "all") == epsilon
    sure = [smoothed_target(epsilon, vocab_size, c)[0] for c in ("all", "others")]
    assert sure[0] - sure[1] == pytest.approx(epsilon / vocab_size, rel=1e-9)
    matched = smoothed_target(more, vocab_size, "all")
    assert matched == pytest.approx(
        smoothed_target(epsilon, vocab_size, "others"), rel=1e-12
    )


@pytest.mark.parametrize("convention", ["all", "others"])
@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.5])
def test_the_floor_is_reached_by_the_smoothed_target_and_by_nothing_else(
    convention, epsilon
):
    floor = smoothing_floor(epsilon, V, convention)
    target, other = smoothed_target(epsilon, V, convention)
    wanted = torch.tensor([4])
    best = torch.full((1, V), math.log(max(other, 1e-300)), dtype=torch.float64)
    best[0, 4] = math.log(target)
    at_best = smoothed_cross_entropy(best, wanted, epsilon, convention).mean()
    assert float(at_best) == pytest.approx(floor, rel=1e-12, abs=1e-12)
    for seed in range(5):
        logits, _ = example((1,), seed=seed)
        worse = best.detach() + 0.3 * logits.detach()
        loss = smoothed_cross_entropy(worse, wanted, epsilon, convention).mean()
        assert epsilon == 0 or float(loss) > floor


def test_floors():
    assert smoothing_floor(0.1, 1000) == pytest.approx(1.015, abs=0.005)
    # "all" with ε → 1 asks for the uniform distribution
    assert smoothing_floor(0.999999, 8) == pytest.approx(math.log(8), abs=1e-9)
    assert smoothing_floor(0.0, 8) == smoothing_floor(0.0, 8, "others") == 0.0


def test_what_cannot_be_smoothed_is_refused():
    for epsilon, convention in ((1.0, "all"), (0.75, "others"), (-0.1, "all")):
        with pytest.raises(PretrainError, match="label smoothing of"):
            smoothed_target(epsilon, 4, convention)
    with pytest.raises(PretrainError, match="convention"):
        smoothed_target(0.1, 4, "half")
    with pytest.raises(PretrainError, match="nothing to smooth"):
        smoothed_target(0.1, 1)
    logits, targets = example()
    with pytest.raises(EmptyLossError):
        smoothed_cross_entropy(logits, torch.full_like(targets, IGNORE), 0.1)


# -- z-loss -----------------------------------------------------------------------


def test_z_loss_is_the_formula_and_its_gradient():
    logits, targets = example()
    found = z_loss(logits, targets, 0.01)
    scored = targets != IGNORE
    rows = [row.exp().sum().log() for row in logits[scored].detach()]
    assert float(found.sum.detach()) == pytest.approx(
        0.01 * math.fsum(float(row) ** 2 for row in rows), rel=1e-12
    )
    assert int(found.count) == len(rows) > 0
    (gradient,) = torch.autograd.grad(found.sum, logits)
    log_z = logits.detach().logsumexp(-1, keepdim=True)
    expected = 0.02 * log_z * logits.detach().softmax(-1) * scored[..., None]
    torch.testing.assert_close(gradient, expected, **SAME)


def test_cross_entropy_ignores_a_shift_that_the_z_loss_sees():
    logits, targets = example()
    here, there = (with_z_loss(logits + shift, targets, 0.1) for shift in (0.0, 30.0))
    torch.testing.assert_close(here.loss.sum, there.loss.sum, rtol=1e-10, atol=1e-10)
    assert there.penalty.mean() > 0.1 * 29**2
    normalized = logits - logits.logsumexp(-1, keepdim=True)
    nothing = z_loss(normalized, targets).sum.detach()
    assert float(nothing) == pytest.approx(0, abs=1e-25)  # (1e-15)² a token


def test_the_loss_that_a_log_shows_has_no_penalty_in_it():
    logits, targets = example()
    apart = with_z_loss(logits, targets, 0.1, label_smoothing=0.1)
    plain = cross_entropy(logits, targets, label_smoothing=0.1)
    assert apart.loss.sum == plain.sum
    assert apart.total.count == apart.loss.count == apart.penalty.count
    torch.testing.assert_close(
        apart.total.mean(), apart.loss.mean() + apart.penalty.mean(), **SAME
    )


def test_z_loss_adds_up_over_parts_and_is_zero_of_nothing():
    logits, targets = example((20,))
    parts = z_loss(logits[:7], targets[:7]) + z_loss(logits[7:], targets[7:])
    whole = z_loss(logits, targets)
    torch.testing.assert_close(parts.mean(), whole.mean(), **SAME)
    nothing = z_loss(logits, torch.full_like(targets, IGNORE))
    assert float(nothing.mean().detach()) == 0 == int(nothing.count)


def test_z_loss_in_half_precision_does_not_overflow():
    logits = torch.full((4, V), 300.0, dtype=torch.float16)  # 300² is beyond float16
    found = z_loss(logits, torch.zeros(4, dtype=torch.long), 1.0)
    expected = 4 * (300 + math.log(V)) ** 2
    assert float(found.sum) == pytest.approx(expected, rel=1e-6)  # float32


def test_bad_z_loss_is_refused():
    logits, targets = example()
    with pytest.raises(PretrainError, match="do not fit"):
        z_loss(logits, targets[:2])
    with pytest.raises(PretrainError, match="weight of the z-loss"):
        z_loss(logits, targets, -1.0)
