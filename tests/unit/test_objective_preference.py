"""DPO and the policy gradient: formulas, gradients by enumeration, and what they do."""

import itertools
import math

import pytest
import torch
from torch import nn

from pretrain.corpora.chats import Chats
from pretrain.corpora.preferences import Preferences
from pretrain.errors import PretrainError
from pretrain.model import ModelConfig, redraw
from pretrain.objectives import DPO, Chat, PolicyGradient, WithReference
from pretrain.objectives.preference import (
    advantages,
    dpo_loss,
    sequence_log_probability,
)
from pretrain.random import generator_for
from pretrain.training import Budget, fit


@pytest.fixture(scope="module")
def liked():
    return Preferences(Chats())


def config(corpus, **options):
    options = {"width": 16, "depth": 1, "heads": 2, **options}
    return ModelConfig(corpus.tokenizer.vocab_size, **options)


def first(objective, corpus, rows=8):
    piece = next(objective.read(corpus, "train", 0, rows=rows, length=64))
    return objective(piece, corpus.tokenizer, generator_for(0))


# -- the data -----------------------------------------------------------------------


def test_a_reward_is_one_for_a_true_answer_in_the_liked_style(liked):
    world = liked.chats.world
    for comparison in itertools.islice(liked.comparisons("train"), 40):
        question = comparison.prompt[1:-2]
        assert liked.reward(question, comparison.chosen[:-1]) == 1.0
        assert liked.reward(question, comparison.rejected[:-1]) == 0.0
        wrong = list(comparison.chosen[:-1])
        wrong[0], wrong[-1] = wrong[-1], wrong[0]
        assert liked.reward(question, wrong) == 0.0
        # Both answers are what the world's own language says.
        opening, colon = world.tokenizer.encode("user assistant"), 0
        colon = world.tokenizer.encode("user :")[1]
        for answer in (comparison.chosen, comparison.rejected):
            said = [opening[0], colon, *question, opening[1], colon, *answer[:-1]]
            assert world.chats().log_probability(said) > -math.inf
    short = Preferences(liked.chats, "short")
    pair = next(short.comparisons("validation"))
    assert short.reward(pair.prompt[1:-2], pair.chosen[:-1]) == 1.0
    assert liked.reward(pair.prompt[1:-2], pair.chosen[:-1]) == 0.0
    assert not set(liked.questions("train")) & set(liked.questions("validation"))


# -- DPO ----------------------------------------------------------------------------


def test_dpo_starts_at_log_two_with_the_gradient_of_the_paper(liked):
    """At π = ref: loss log 2 a pair, gradient −β/2 (∇log π(chosen) − ∇log π(rejected)).

    Equation 7 of the paper with σ(0) = 1/2.
    """
    model = WithReference(redraw(config(liked).build(0))).double()
    batch, beta = first(DPO(0.3), liked), 0.3
    loss = DPO(beta).loss(model, batch)
    assert loss.mean().item() == pytest.approx(math.log(2), abs=1e-12)
    weights = list(model.policy.parameters())
    ours = torch.autograd.grad(loss.sum, weights)
    up = sequence_log_probability(model.policy, batch.inputs, batch.targets)
    down = sequence_log_probability(
        model.policy, batch.rejected_inputs, batch.rejected_targets
    )
    theirs = torch.autograd.grad(-beta / 2 * (up - down).sum(), weights)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)
    assert all(p.grad is None for p in model.reference.parameters())


def test_the_best_policy_under_bradley_terry_is_the_reference_times_exp_reward():
    """A table instead of a network, all pairs with their exact probabilities."""
    rewards = torch.tensor([0.0, 1.0, -0.5, 0.3], dtype=torch.float64)
    reference = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64).log()
    beta, logits = 0.5, nn.Parameter(torch.zeros(4, dtype=torch.float64))
    precise = dict(tolerance_grad=1e-12, tolerance_change=0, max_iter=500)
    optimizer = torch.optim.LBFGS([logits], line_search_fn="strong_wolfe", **precise)

    def closure():
        optimizer.zero_grad()
        shift = logits.log_softmax(0) - reference
        total = torch.zeros((), dtype=torch.float64)
        for a, b in itertools.permutations(range(4), 2):
            prefers = torch.sigmoid(rewards[a] - rewards[b])
            total = total + prefers * dpo_loss(shift[a] - shift[b], beta)
        total.backward()
        return total

    optimizer.step(closure)
    best = (reference + rewards / beta).softmax(0)
    torch.testing.assert_close(logits.detach().softmax(0), best, rtol=1e-6, atol=1e-7)


def test_log_probabilities_are_those_of_a_loop(liked):
    model = redraw(config(liked).build(1)).double()
    batch = first(DPO(), liked)
    pair = next(DPO().read(liked, "train", 0, rows=8, length=64))
    found = sequence_log_probability(model, batch.inputs, batch.targets)
    doc = liked.tokenizer.special.doc
    for row, comparison in enumerate(pair):
        ids = [doc, *comparison.prompt, *comparison.chosen]
        p = model(torch.tensor([ids])).log_softmax(-1)[0]
        start = len(comparison.prompt) + 1
        total = sum(p[t - 1, ids[t]] for t in range(start, len(ids)))
        torch.testing.assert_close(found[row], total)


def test_micro_batches_of_pairs_add_up(liked):
    model = WithReference(redraw(config(liked).build(0))).double()
    redraw(model.policy, 3)
    batch = first(DPO(), liked)
    whole = DPO().loss(model, batch)
    parts = [DPO().loss(model, part) for part in batch.split(3)]
    torch.testing.assert_close(whole.sum, sum(part.sum for part in parts))
    assert sum(part.count for part in parts) == 8


# -- the policy gradient ------------------------------------------------------------


def test_the_estimator_is_the_gradient_of_the_expected_reward():
    """Every pair of answers of a table policy, weighted by its probability."""
    logits = nn.Parameter(torch.tensor([0.2, -0.4, 0.9], dtype=torch.float64))
    rewards = torch.tensor([0.0, 1.0, 0.4], dtype=torch.float64)
    (exact,) = torch.autograd.grad((logits.softmax(0) * rewards).sum(), logits)
    found = torch.zeros_like(exact)
    for pair in itertools.product(range(3), repeat=2):
        pair = list(pair)
        log_p = logits.log_softmax(0)
        gains = advantages(rewards[pair], 2)
        (step,) = torch.autograd.grad((gains * log_p[pair]).mean(), logits)
        found += log_p[pair].sum().exp().detach() * step
    torch.testing.assert_close(found, exact, rtol=1e-12, atol=1e-12)


def test_the_kl_penalty_is_the_gradient_of_the_kl():
    logits = nn.Parameter(torch.tensor([0.2, -0.4, 0.9], dtype=torch.float64))
    reference = torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64).log()
    p = logits.log_softmax(0)
    (exact,) = torch.autograd.grad(-(p.exp() * (p - reference)).sum(), logits)
    found = torch.zeros_like(exact)
    for pair in itertools.product(range(3), repeat=2):
        pair = list(pair)
        log_p = logits.log_softmax(0)
        gains = advantages(-(log_p - reference).detach()[pair], 2)
        (step,) = torch.autograd.grad((gains * log_p[pair]).mean(), logits)
        found += log_p[pair].sum().exp().detach() * step
    torch.testing.assert_close(found, exact, rtol=1e-12, atol=1e-12)


def test_a_policy_gradient_batch_cannot_be_cut(liked):
    batch = first(PolicyGradient(), liked)
    assert batch.count == 8 and len(set(batch.prompts)) == 2
    with pytest.raises(PretrainError, match="cannot be cut"):
        batch.split(2)


# -- through fit --------------------------------------------------------------------


@pytest.mark.parametrize("objective", [DPO(), PolicyGradient()], ids=["dpo", "policy"])
def test_it_trains_through_fit_and_the_reference_stays(liked, objective):
    model = WithReference(config(liked).build(0))
    # Random answers earn nothing, so only the distance to the reference is trained.
    redraw(model.policy, 3)
    before = {k: v.clone() for k, v in model.reference.state_dict().items()}
    began = model.policy.embedding.weight.detach().clone()
    plan = Budget(tokens=4 * 8 * 64, rows=8, length=64, evaluations=1, held_out=8)
    run = fit(model, objective, liked, plan)
    assert len(run.log.records) == 4 and math.isfinite(run.eval_loss)
    for name, value in run.model.reference.state_dict().items():
        assert torch.equal(value, before[name])
    assert not torch.equal(run.model.policy.embedding.weight, began)


@pytest.mark.slow
def test_a_chat_model_learns_what_is_liked(liked):
    """DPO wins its held-out pairs; the policy gradient raises the held-out reward."""
    chats = liked.chats
    plan = Budget(tokens=250_000, rows=8, length=64, evaluations=1, held_out=20)
    base = fit(config(liked, width=64, depth=2, heads=4), Chat(), chats, plan).model
    small = dict(length=64, lr=0.002, muon_lr=0.002, evaluations=1, held_out=12)
    short = Preferences(chats, "short")
    tuned = fit(
        WithReference(base), DPO(), short, Budget(tokens=40 * 8 * 64, rows=8, **small)
    )
    assert tuned.log.column("eval_accuracy")[-1] > 0.9
    policy = fit(
        WithReference(base),
        PolicyGradient(),
        short,
        Budget(tokens=60 * 16 * 64, rows=16, **small),
    )
    rewards = policy.log.column("loss_reward")
    assert sum(rewards[-10:]) / 10 > sum(rewards[:10]) / 10 + 0.1


def test_bad_input(liked):
    with pytest.raises(PretrainError, match="beta is 0"):
        DPO(0.0)
    with pytest.raises(PretrainError, match="beta is nan"):
        PolicyGradient(beta=math.nan)
    with pytest.raises(PretrainError, match="1 answers to a prompt"):
        PolicyGradient(samples=1)
    with pytest.raises(PretrainError, match="does not fit rows of 6"):
        next(DPO().read(liked, "train", 0, rows=2, length=6))
    with pytest.raises(PretrainError, match='"whole" or "short"'):
        Preferences(liked.chats, "long")
    with pytest.raises(PretrainError, match="no split 'test'"):
        liked.questions("test")
