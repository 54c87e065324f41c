"""Losses against PyTorch's own ops, transformers, and a translation toolkit's formula.

Compared with: ``F.cross_entropy`` and ``F.linear_cross_entropy`` (reference path) of
PyTorch, ``LabelSmoother`` and the router z-loss of Switch Transformers in transformers,
and the label-smoothed loss as fairseq states it.
"""

import pytest
import torch
import torch.nn.functional as F

from pretrain.linear_loss import linear_cross_entropy
from pretrain.losses import IGNORE, cross_entropy
from pretrain.penalties import smoothed_cross_entropy, z_loss

# Float64 on both sides, sums of numbers of size 1 to 100 in another order.
SAME = {"rtol": 1e-12, "atol": 1e-12}
V = 17


def example(seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(4, 9, V, generator=generator, dtype=torch.float64) * 3
    targets = torch.randint(V, (4, 9), generator=generator)
    hidden = torch.rand(4, 9, generator=generator) < 0.3
    return logits, targets.masked_fill(hidden, IGNORE)


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.6])
def test_all_is_pytorchs_convention(epsilon):
    logits, targets = example()
    ours = smoothed_cross_entropy(logits, targets, epsilon, "all").mean()
    theirs = F.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), label_smoothing=epsilon
    )
    torch.testing.assert_close(ours, theirs, **SAME)


@pytest.mark.parametrize("epsilon", [0.1, 0.6])
def test_all_is_the_label_smoother_of_transformers(epsilon):
    trainer = pytest.importorskip("transformers.trainer_pt_utils")
    logits, targets = example()
    smoother = trainer.LabelSmoother(epsilon=epsilon, ignore_index=IGNORE)
    theirs = smoother({"logits": logits}, targets)
    ours = smoothed_cross_entropy(logits, targets, epsilon, "all").mean()
    # it sums over the vocabulary in float32, whatever the logits are
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=0)


@pytest.mark.parametrize("epsilon", [0.1, 0.6])
def test_others_is_fairseqs_convention(epsilon):
    """(1 − ε − ε_i)·nll + ε_i·(sum over all of V), with ε_i = ε/(V−1)."""
    logits, targets = example()
    scored = targets != IGNORE
    log_p = logits[scored].log_softmax(-1)  # (M,V)
    nll = -log_p.gather(-1, targets[scored][:, None]).sum()
    smooth = -log_p.sum()
    each = epsilon / (V - 1)
    theirs = (1 - epsilon - each) * nll + each * smooth
    ours = smoothed_cross_entropy(logits, targets, epsilon, "others").sum
    torch.testing.assert_close(ours, theirs, **SAME)
    assert abs(smoothed_cross_entropy(logits, targets, epsilon).sum - ours) > 0.01


def test_the_loss_from_hidden_states_is_pytorchs_reference():
    if not hasattr(F, "linear_cross_entropy"):
        pytest.skip("this version of PyTorch has no linear_cross_entropy")
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(36, 5, generator=generator, dtype=torch.float64)
    weight = torch.randn(V, 5, generator=generator, dtype=torch.float64)
    targets = example()[1].flatten()
    theirs = F.linear_cross_entropy(hidden, weight, targets)  # no options: no chunks
    ours = linear_cross_entropy(hidden, weight, targets, chunk=8).mean()
    torch.testing.assert_close(ours, theirs, **SAME)
    plain = cross_entropy(hidden @ weight.T, targets).mean()
    torch.testing.assert_close(ours, plain, **SAME)


def test_the_z_loss_is_that_of_switch_transformers():
    """Theirs is over the logits of a router, with a weight of its own outside."""
    switch = pytest.importorskip(
        "transformers.models.switch_transformers.modeling_switch_transformers"
    )
    logits, targets = example()
    theirs = switch.router_z_loss_func(logits)
    ours = z_loss(logits, targets.clamp(min=0), 1.0).mean()
    torch.testing.assert_close(ours, theirs, **SAME)
