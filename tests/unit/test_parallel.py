"""Trainings side by side give what they give one after another."""

import pytest
import torch

from pretrain.corpora.markov import weather
from pretrain.corpora.microworld import Microworld
from pretrain.errors import PretrainError
from pretrain.model import ModelConfig
from pretrain.objectives import Causal, Masked
from pretrain.parallel import fit_all
from pretrain.training import Budget, fit

PLAN = Budget(tokens=3 * 2 * 32, rows=2, length=32, evaluations=1, held_out=4)


def jobs(corpus):
    config = ModelConfig(corpus.tokenizer.vocab_size, width=16, depth=1, heads=2)
    return [
        dict(model=config, objective=objective, corpus=corpus, budget=PLAN, seed=seed)
        for seed, objective in enumerate((Causal(), Masked(), Causal()))
    ]


@pytest.mark.parametrize("make", [weather, Microworld])
def test_side_by_side_equals_in_turn(make):
    """In the same order, with the same logs and the same weights, bit for bit."""
    made = jobs(make())
    beside = fit_all(made, workers=2)
    for job, run in zip(made, beside, strict=True):
        alone = fit(**job)
        assert run.log.column("loss") == alone.log.column("loss")
        assert run.eval_loss == alone.eval_loss
        assert not run.model.training
        for name, value in alone.model.state_dict().items():
            assert torch.equal(value, run.model.state_dict()[name]), name
        assert len(run.held_out.documents) == len(alone.held_out.documents)


def test_an_error_in_a_worker_is_the_error_of_fit():
    corpus = weather()
    wrong = dict(jobs(corpus)[0], model=ModelConfig(99))
    with pytest.raises(PretrainError, match="a vocabulary of 99 tokens"):
        fit_all([wrong, wrong], workers=2)


def test_under_smoke_nothing_is_spawned(monkeypatch):
    monkeypatch.setenv("PRETRAIN_BUDGET", "smoke")
    monkeypatch.setattr("pretrain.parallel.ProcessPoolExecutor", None)
    assert len(fit_all(jobs(weather()))) == 3
