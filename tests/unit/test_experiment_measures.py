"""What the experiments on training measure, on cases with a known answer."""

import ast
import math
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from pretrain.experiments import (
    chain_of_thought,
    checkpointing,
    domains,
    exposure,
    exposure_recovery,
    in_context,
    scaling,
    static_masking,
)
from pretrain.model import ModelConfig
from pretrain.objectives import Causal, Masked
from pretrain.training import Budget, fit

MODULES = (
    chain_of_thought,
    checkpointing,
    domains,
    exposure,
    exposure_recovery,
    in_context,
    scaling,
    static_masking,
)


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.EXPERIMENT.name)
def test_claims_speak_of_arms_that_exist_and_sources_are_in_the_bibliography(
    module, root
):
    experiment = module.EXPERIMENT
    names = {arm.name for arm in experiment.arms("cpu")}
    assert names == {arm.name for arm in experiment.arms("gpu")}
    for claim in experiment.claims:
        assert set(claim.contrast) <= names, claim.says
    bibliography = (root / "references.bib").read_text(encoding="utf-8")
    for source in experiment.sources:
        assert f"{{{source}," in bibliography


def trained(corpus, objective, length, **options):
    """A run of one step."""
    config = ModelConfig(
        corpus.tokenizer.vocab_size, 16, 1, 2, context=max(length, 96), **options
    )
    budget = Budget(
        tokens=2 * length, rows=2, length=length, evaluations=1, held_out=4
    )
    return fit(config, objective, corpus, budget, device="cpu", progress=False)


# -- scaling ------------------------------------------------------------------------


def test_the_weights_of_a_slope_find_the_exponent_of_a_power_law():
    x = np.log([1e3, 4e3, 9e3])
    weights = scaling.slope(x)
    assert weights.sum() == pytest.approx(0, abs=1e-12)
    assert weights @ (5 - 0.34 * x) == pytest.approx(-0.34)


@pytest.mark.parametrize("kind", ["causal", "masked"])
def test_contrasts_of_a_made_up_law_are_its_exponents(kind):
    """Excess 3 · N^−0.5 · D^−0.25 in every arm of the grid."""
    excess = {}
    for arm in scaling.arms("cpu"):
        size = arm.model.build().parameter_count
        excess[arm.name] = math.log(3 * size**-0.5 * arm.budget.tokens**-0.25)

    def found(contrast):
        return sum(weight * excess[name] for name, weight in contrast.items())

    assert found(scaling.by_parameters(kind)) == pytest.approx(-0.5)
    assert found(scaling.by_parameters(kind, "few")) == pytest.approx(-0.5)
    assert found(scaling.by_tokens(kind)) == pytest.approx(-0.25)
    assert found(scaling._bend(kind)) == pytest.approx(0, abs=1e-9)


# -- chain of thought ---------------------------------------------------------------


class Walker(torch.nn.Module):
    """Writes what a corpus would write, or always the same room."""

    def __init__(self, corpus, knows=True):
        super().__init__()
        self.corpus, self.knows = corpus, knows
        self.config = ModelConfig(corpus.tokenizer.vocab_size, context=64)
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.rows = None

    def forward(self, new, attention=None, cache=None):
        self.rows = new if cache.length == 0 else torch.cat([self.rows, new], 1)
        cache.extend(0, *[torch.zeros(1, 1, new.shape[1], 1)] * 2)
        logits = torch.zeros(*new.shape, self.config.vocab_size)
        steps, room = self.corpus.steps, self.corpus.tokenizer.special.reserved
        for i, row in enumerate(self.rows.tolist()):
            walk = [row[1] - room, *[t - room - 8 for t in row[2 : 2 + steps]]]
            text = self.corpus.reply(walk) if self.knows else [room]
            written = len(row) - steps - 3
            logits[i, -1, [*text, 1][min(written, len(text))]] = 9.0
        return logits


@pytest.mark.parametrize("answer", ["direct", "filler", "steps"])
def test_exact_match_of_one_who_knows_and_of_one_who_does_not(answer):
    corpus = chain_of_thought.walks(3, answer)
    asked = list(islice(corpus.problems("test"), 40))
    match = chain_of_thought.exact_match
    assert match(Walker(corpus), corpus, asked) == 1
    ends = [corpus.reply(walk)[-1] for walk in asked]
    first = corpus.tokenizer.special.reserved
    ignorant = match(Walker(corpus, knows=False), corpus, asked)
    assert ignorant == np.mean([end == first for end in ends]) < 0.5


def test_forms_are_compared_at_equal_tokens_and_fillers_at_equal_examples():
    arms = {arm.name: arm for arm in chain_of_thought.arms("cpu")}
    for steps in chain_of_thought.STEPS:
        direct, filler, written = (
            arms[f"{answer}-{steps}"].budget for answer in chain_of_thought.ANSWERS
        )
        assert filler == written and direct.tokens == written.tokens
        assert direct.steps > written.steps


# -- in context ---------------------------------------------------------------------


class Bayes(torch.nn.Module):
    """Predicts each color exactly as well as can be."""

    def __init__(self, corpus):
        super().__init__()
        self.corpus = corpus

    def forward(self, rows, attention=None):
        first = self.corpus.tokenizer.special.reserved + self.corpus.choices
        logits = torch.zeros(*rows.shape, self.corpus.tokenizer.vocab_size)
        for i, row in enumerate(rows.tolist()):
            _, p = self.corpus.predictive(row[1:])
            logits[i, 1::2, first : first + self.corpus.choices] = torch.tensor(
                np.log(p), dtype=torch.float32
            )
        return logits


def test_colors_are_read_where_their_animal_stands():
    corpus = in_context.lookups(True)
    documents = corpus.heldout(n=10)
    p = in_context.color_probabilities(Bayes(corpus), documents)
    ideal = np.stack([corpus.predictive(d.tokens)[1] for d in documents])
    np.testing.assert_allclose(p, ideal, rtol=1e-5)


def test_in_context_measures_of_an_untrained_model():
    corpus = replace(in_context.CORPUS, size=500)
    run = trained(corpus, Causal(), 2 * corpus.pairs + 1)
    arm = in_context.arms("cpu")[0]
    found = in_context.measure(run, arm)
    for k in in_context.SHOTS:
        assert abs(found[f"accuracy_{k}"] - 0.25) < 0.1  # a guess in four
    ideal = [found[f"ideal_{k}"] for k in in_context.SHOTS]
    assert ideal == sorted(ideal) and ideal[0] < 0.35 and ideal[-1] > 0.8
    assert found["ideal_ratio"] < 0.7 and abs(found["ratio"] - 1) < 0.1
    assert found["excess"] > 0


# -- static masking -----------------------------------------------------------------


def test_every_epoch_reads_each_of_the_few_documents_once():
    corpus = static_masking.Few(20)
    stream = corpus.stream("train", 3)
    epochs = [[tuple(next(stream)) for _ in range(20)] for _ in range(2)]
    few = sorted(d.tokens for d in corpus.heldout("train"))
    assert sorted(epochs[0]) == sorted(epochs[1]) == few and epochs[0] != epochs[1]
    assert corpus.heldout("validation", 30) != corpus.heldout("train")


def test_static_measures_have_an_exact_floor():
    corpus = static_masking.few_cpu()
    arm = static_masking.arms("cpu")[-1]
    run = trained(corpus, Masked(0.15), static_masking.LENGTH)
    found = static_masking.measure(run, arm)
    assert 0 < found["excess"] < found["loss"]


# -- domains ------------------------------------------------------------------------


def test_functions_of_the_library_have_lost_their_docstrings():
    found = list(domains._functions("textwrap"))
    assert len(found) >= 5
    for code in found:
        (function,) = ast.parse(code).body
        assert ast.get_docstring(function) is None and "#" not in code
    assert list(domains._functions("no/such/module")) == []


# -- exposure -----------------------------------------------------------------------


def test_means_by_position():
    rows = [np.array([0.0, 1.0, 2.0]), np.array([0.0, 3.0])]
    assert exposure_recovery.by_position(rows, slice(1, 5)) == 2
    assert exposure_recovery.by_position(rows, slice(None)) == pytest.approx(1.2)
