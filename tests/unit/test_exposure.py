"""Exposure bias: judged against the grammar's own draws and exact recursions."""

from random import Random

import numpy as np
import pytest
import torch

from pretrain.corpora.markov import weather
from pretrain.corpora.microworld import Microworld
from pretrain.evaluation.exposure import (
    Survival,
    divergences,
    free_running,
    independent,
    next_probabilities,
    possible,
    possible_next,
    survival,
    teacher_forced,
)
from pretrain.evaluation.likelihood import evaluate, evaluation_set, excess, floor
from pretrain.model import ModelConfig, redraw
from pretrain.objectives import Causal
from pretrain.random import generator_for


@pytest.fixture(scope="module")
def world():
    return Microworld()


def test_true_documents_have_no_error(world):
    source = world.documents(Random("exposure test"))
    for _ in range(30):
        tokens = next(source)
        assert possible(world, tokens, ended=True) == len(tokens) + 1
        assert possible(world, tokens[:-1], ended=False) == len(tokens) - 1


def test_the_first_impossible_token_is_found(world):
    tokens = world.heldout("test", 1)[0].tokens
    unknown = world.tokenizer.special.unk
    broken = [*tokens[:4], unknown, *tokens[5:]]
    assert possible(world, broken, ended=True) == 4
    # a document that stops before its last mark is no document
    assert possible(world, tokens[:-1], ended=True) == len(tokens) - 1


def test_next_tokens_agree_with_whole_documents(world):
    for document in world.heldout("test", 20):
        tokens = list(document.tokens)
        for t in range(len(tokens)):
            assert possible_next(world, tokens[:t], tokens[t])
            assert not possible_next(world, tokens[:t], world.tokenizer.special.unk)
        assert possible_next(world, tokens, world.tokenizer.special.doc)
        assert not possible_next(world, tokens[:2], world.tokenizer.special.doc)


class Oracle(torch.nn.Module):
    """A "model" that is the language: uniform over what can come next."""

    def __init__(self, world, share_wrong: float = 0.0):
        super().__init__()
        self.world, self.wrong = world, share_wrong
        self.config = ModelConfig(world.tokenizer.vocab_size)
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, ids, attention=None):
        logits = torch.full((*ids.shape, self.config.vocab_size), -30.0)
        for row, tokens in enumerate(ids.tolist()):
            for t in range(len(tokens)):
                right = tokens[t + 1] if t + 1 < len(tokens) else 1
                logits[row, t, right] = 0.0
                if self.wrong:
                    logits[row, t, 4:8] = np.log(self.wrong)
        return logits


def test_a_perfect_reader_makes_no_error(world):
    documents = world.heldout("test", 15)
    found = teacher_forced(
        Oracle(world), world, world.tokenizer, documents, generator_for(0)
    )
    assert found.share() == 1 and found.rates.max() == 0 == independent(found) - 1
    assert found.lengths.tolist() == [len(d.tokens) + 1 for d in documents]


def test_a_random_model_errs_at_once_both_ways(world):
    model = ModelConfig(world.tokenizer.vocab_size, 16, 1, 2, context=64).build()
    documents = world.heldout("test", 10)
    free = free_running(model, world, world.tokenizer, 20, generator_for(0))
    forced = teacher_forced(
        model, world, world.tokenizer, documents, generator_for(1)
    )
    # 834 equally likely tokens, of which a few dozen can open a document
    assert free.share(3) < 0.3 and forced.share(3) < 0.4
    assert free.share() <= free.share(10) <= free.share(5)
    assert forced.rates[2:].mean() > 0.7


def test_survival_and_rates_of_a_small_case():
    found = survival(np.array([3, 3, 2, 4]), np.array([1, -1, -1, 3]))
    assert found.share() == 0.5 and found.share(3) == 0.75 and found.share(1) == 1
    # judged at 0: all; at 1: all, one wrong; at 2: texts 2 and 4; at 3: text 4, wrong
    assert found.rates.tolist() == [0, 0.25, 0, 1]


def test_independent_is_the_product_of_the_rates():
    forced = Survival(np.array([1, 3]), np.array([-1, 2]), np.array([0.5, 0.1, 0.2]))
    assert independent(forced) == pytest.approx((0.5 + 0.5 * 0.9 * 0.8) / 2)


def test_next_probabilities_are_those_of_the_surprisals():
    language = weather()
    documents = language.heldout("validation", 30)
    rows = [d.tokens for d in documents]
    doc = language.tokenizer.special.doc
    for document, p in zip(
        documents, next_probabilities(language, rows), strict=True
    ):
        assert p.sum(1) == pytest.approx(1)
        said = p[np.arange(len(p)), [*document.tokens, doc]]
        assert -np.log(said) == pytest.approx(document.surprisals, abs=1e-9)


def test_divergences_average_to_the_excess():
    """Over the language's own texts, KL of the next token is the excess of the loss."""
    language = weather(size=1000)
    model = redraw(
        ModelConfig(language.tokenizer.vocab_size, 16, 1, 2, context=128).build(),
        seed=2,
        std=0.1,
    )
    held_out = evaluation_set(language, Causal(), 1000, 100)
    found = excess(evaluate(model, held_out), floor(language, held_out))
    nats = divergences(model, language, [d.tokens for d in held_out.documents])
    mean = np.concatenate(nats).mean()
    assert min(map(np.min, nats)) >= 0
    # two estimates of one number; the excess has the noise of the drawn tokens
    assert abs(mean - found.value) < 4 * found.error
    assert found.error < 0.05 * found.value
