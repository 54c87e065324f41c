"""Label smoothing, z-loss and chunks in the trainer's own loop."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from pretrain.corpora.markov import weather
from pretrain.errors import PretrainError
from pretrain.losses import IGNORE
from pretrain.model import ModelConfig, Transformer, redraw
from pretrain.objectives import Causal, Masked
from pretrain.objectives.regularized import Regularized, _output_weight
from pretrain.packing import batches
from pretrain.training import Budget, fit

CORPUS = weather()
V = CORPUS.tokenizer.vocab_size
# float64 sums of up to a hundred numbers of size 1 to 10, in another order
SAME = {"rtol": 1e-11, "atol": 1e-11}


def example(objective, tied=True):
    model = Transformer(ModelConfig(V, width=16, depth=1, heads=2, tied=tied)).double()
    redraw(model, seed=1)
    special = CORPUS.tokenizer.special
    rows = next(batches(CORPUS.stream("train", 0), special, 4, 32))
    batch = objective(rows, CORPUS.tokenizer, torch.Generator().manual_seed(0))
    return model, batch


@pytest.mark.parametrize("inner", [Causal(), Masked()])
@pytest.mark.parametrize("chunk", [0, 7])
@pytest.mark.parametrize("tied", [True, False])
def test_it_is_pytorchs_smoothed_loss_plus_the_penalty(inner, chunk, tied):
    objective = Regularized(inner, smoothing=0.1, z=0.01, chunk=chunk)
    model, batch = example(objective, tied)
    plain_batch = example(inner, tied)[1]
    assert torch.equal(batch.inputs, plain_batch.inputs)
    assert torch.equal(batch.targets, plain_batch.targets)
    loss = objective.loss(model, batch)
    logits = model(batch.inputs, batch.attention, batch.positions)
    flat, targets = logits.flatten(0, 1), batch.targets.flatten()
    smoothed = F.cross_entropy(flat, targets, reduction="sum", label_smoothing=0.1)
    log_z = flat[targets != IGNORE].logsumexp(-1)
    expected = smoothed + 0.01 * (log_z**2).sum()
    torch.testing.assert_close(loss.sum, expected, **SAME)
    plain = F.cross_entropy(flat, targets, reduction="sum")
    torch.testing.assert_close(loss.parts["plain"].sum, plain.detach(), **SAME)
    torch.testing.assert_close(
        loss.parts["z"].sum, (expected - smoothed).detach(), **SAME
    )
    for part in loss.parts.values():
        assert int(part.count) == int(loss.count) and not part.sum.requires_grad
    pairs = [
        torch.autograd.grad(x, model.embedding.weight, retain_graph=True)[0]
        for x in (loss.sum, expected)
    ]
    torch.testing.assert_close(*pairs, **SAME)


@pytest.mark.parametrize("tied", [True, False])
def test_chunks_alone_are_the_objectives_own_loss(tied):
    objective = Regularized(Causal(), chunk=5)
    model, batch = example(objective, tied)
    found, expected = objective.loss(model, batch), Causal().loss(model, batch)
    assert int(found.count) == int(expected.count) and not found.parts
    torch.testing.assert_close(found.sum, expected.sum, **SAME)


def test_training_logs_the_plain_loss_and_evaluates_without_penalties():
    config = ModelConfig(V, width=16, depth=1, heads=2)
    plan = Budget(tokens=4096, rows=4, length=32, evaluations=1, held_out=20)
    options = {"seed": 0, "progress": False}
    objective = Regularized(Causal(), smoothing=0.2, z=1e-3)
    run = fit(config, objective, CORPUS, plan, **options)
    assert run.log.records
    for step in run.log.records:
        assert step["loss"] > step["loss_plain"] + step["loss_z"] > step["loss_plain"]
    assert run.log.header["objective"]["kind"] == "Regularized Causal"
    # the first step starts from the same weights: its plain loss is the other's loss
    other = fit(config, Causal(), CORPUS, plan, **options)
    first, second = run.log.records[0], other.log.records[0]
    # float32 sums of some 100 losses
    assert first["loss_plain"] == pytest.approx(second["loss"], rel=1e-6)
    assert isinstance(objective.for_evaluation(), Causal)
    assert abs(run.eval_loss - other.eval_loss) < 0.5, "both in nats, unsmoothed"


def test_what_cannot_be_regularized_is_said():
    with pytest.raises(PretrainError, match="a loss of its own"):
        Regularized(Regularized(Causal()))
    for wrong in ({"smoothing": 1.0}, {"z": -1.0}, {"chunk": -1}):
        with pytest.raises(PretrainError, match="give 0 ≤ smoothing"):
            Regularized(Causal(), **wrong)
    objective = Regularized(Causal(), smoothing=0.1)
    model, batch = example(objective)
    weighted = replace(batch, weights=torch.ones_like(batch.inputs).double())
    with pytest.raises(PretrainError, match="weighs its tokens"):
        objective.loss(model, weighted)
    with pytest.raises(PretrainError, match="no single output matrix"):
        _output_weight(torch.nn.Module())
