"""Masked diffusion: the bound by enumeration, the weights, and writing."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain.corpora.markov import weather
from pretrain.errors import PretrainError
from pretrain.evaluation.generation import GREEDY, Sampling
from pretrain.evaluation.unmasking import unmask
from pretrain.losses import IGNORE
from pretrain.model import ModelConfig, Transformer, redraw
from pretrain.objectives import MaskedDiffusion
from pretrain.packing import batches
from pretrain.random import Counter, generator_for
from pretrain.tokens import words
from pretrain.training import Budget, fit

WORLD = weather()
TOKENIZER = WORLD.tokenizer


def rows(seed=0, count=8, length=32):
    return next(batches(WORLD.stream("train", seed), TOKENIZER.special, count, length))


def test_with_exact_conditionals_the_bound_is_the_likelihood():
    """All sets of masked tokens of all texts, each with the weight it gets over t."""
    generator = torch.Generator().manual_seed(0)
    n, V = 4, 3
    joint = torch.rand((V,) * n, generator=generator).double()
    joint /= joint.sum()

    def surprisal(text, i, masked):
        """−log p(x_i | the tokens that are not masked), from the joint table."""
        seen = [slice(None) if j in masked else text[j] for j in range(n)]
        table = joint[tuple(seen)]
        axis = sorted(masked).index(i)
        others = [k for k in range(len(masked)) if k != axis]
        marginal = table.sum(others) if others else table
        return -math.log(marginal[text[i]] / marginal.sum())

    for text in itertools.islice(itertools.product(range(V), repeat=n), 0, None, 7):
        bound = 0.0
        for size in range(1, n + 1):
            beta = math.gamma(size) * math.gamma(n - size + 1) / math.gamma(n + 1)
            for masked in itertools.combinations(range(n), size):
                bound += beta * sum(surprisal(text, i, masked) for i in masked)
        assert bound == pytest.approx(-math.log(joint[text]), rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_what_is_masked_scored_and_weighted(seed, spread):
    made = rows(seed % 7)
    kept = made.tokens.clone()
    objective = MaskedDiffusion(spread)
    batch = objective(made, TOKENIZER, generator_for(seed))
    again = objective(made, TOKENIZER, generator_for(seed))
    assert torch.equal(made.tokens, kept) and torch.equal(batch.inputs, again.inputs)
    tokens, special = made.tokens[:, :-1], TOKENIZER.special
    assert torch.equal(batch.inputs == special.mask, batch.scored)
    assert torch.equal(batch.targets[batch.scored], tokens[batch.scored])
    assert (batch.targets[~batch.scored] == IGNORE).all()
    ordinary = ~torch.isin(tokens, torch.tensor(special.ids))
    assert not (batch.scored & ~ordinary).any()
    # weight = M / (N t): undoing it gives rates between `least` and 1
    rate = batch.scored.sum() / (ordinary.sum() * batch.weights[:, 0])
    assert (rate > 0).all() and (rate <= 1 + 1e-6).all()


def test_the_weighted_mean_is_the_bound_of_a_known_model():
    """For a model that is uniform over V words, every sum of 1/t is log V a token."""
    made, nats = rows(0, 64, 64), []
    model = Transformer(ModelConfig(TOKENIZER.vocab_size, width=16, depth=1, heads=2))
    with torch.no_grad():
        model.embedding.weight.zero_()
    for seed in range(40):
        objective = MaskedDiffusion()
        batch = objective(made, TOKENIZER, generator_for(seed))
        nats.append(objective.loss(model, batch).mean().item())
    nats = torch.tensor(nats)
    error = nats.std() / math.sqrt(len(nats))
    assert abs(nats.mean() - math.log(TOKENIZER.vocab_size)) < 4 * error + 0.003


def test_micro_batches_add_up():
    batch = MaskedDiffusion()(rows(), TOKENIZER, generator_for(3))
    model = redraw(Transformer(ModelConfig(TOKENIZER.vocab_size, width=16, heads=2)))
    model = model.double()
    whole = MaskedDiffusion().loss(model, batch).sum
    parts = [MaskedDiffusion().loss(model, part).sum for part in batch.split(3)]
    torch.testing.assert_close(whole, sum(parts))


def test_spread_rates_cover_every_batch():
    rates = MaskedDiffusion().rates(10, generator_for(0)).sort().values
    assert torch.allclose(rates.diff(), torch.tensor(0.0999), atol=1e-3)
    with pytest.raises(PretrainError, match="smallest masking rate is 0"):
        MaskedDiffusion(least=0.0)


def test_it_trains_and_is_evaluated_through_fit():
    config = ModelConfig(TOKENIZER.vocab_size, width=16, depth=1, heads=2)
    plan = Budget(tokens=4 * 2 * 32, rows=2, length=32, evaluations=1, held_out=5)
    run = fit(config, MaskedDiffusion(), WORLD, plan)
    assert math.isfinite(run.eval_loss) and len(run.log.records) == 4


# -- writing ------------------------------------------------------------------------


class Fixed(torch.nn.Module):
    """Says token 4 + position, surer the further left, whatever it reads."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))
        self.reads = []

    def forward(self, ids, attention=None, positions=None, cache=None):
        self.reads.append(ids.clone())
        place = torch.arange(ids.shape[1])
        logits = torch.full((*ids.shape, 12), -9.0)
        logits[:, place, 4 + place % 8] = 9.0 - place
        return logits * self.scale


WORDS = words(["a b c d e f g h"], split="blanks")


@pytest.mark.parametrize("order", ["random", "surest", "left to right"])
@pytest.mark.parametrize("passes", [None, 1, 2, 3])
def test_every_gap_is_filled_once_and_nothing_else_changes(order, passes):
    mask, pad = WORDS.special.mask, WORDS.special.pad
    ids = torch.tensor([[1, mask, 5, mask, mask], [1, mask, 5, pad, pad]])
    before, model = ids.clone(), Fixed()
    filled = unmask(
        model, ids, WORDS, GREEDY, order=order, passes=passes, generator=Counter(0)
    )
    assert torch.equal(ids, before)
    assert filled.tolist() == [[1, 5, 5, 7, 8], [1, 5, 5, pad, pad]]
    assert len(model.reads) == (passes or 3)
    if order != "random" and passes is None:
        second = model.reads[1][0].tolist()
        assert second == [1, 5, 5, mask, mask], "the surest gap is the leftmost here"


def test_unmasking_in_random_order_samples_the_model():
    """One gap: the frequencies are the model's own probabilities."""
    model = redraw(Transformer(ModelConfig(WORDS.vocab_size, width=16, heads=2)), 1)
    mask = WORDS.special.mask
    ids = torch.tensor([[1, 5, mask, 7]]).expand(4000, -1)
    drawn = unmask(model, ids, WORDS, Sampling(), generator=generator_for(0))[:, 2]
    from pretrain.attention import full

    with torch.no_grad():
        logits = model(ids[:1], full())[0, 2]
    logits[list(WORDS.special.ids)] = -torch.inf
    p = logits.softmax(-1)
    found = torch.bincount(drawn, minlength=WORDS.vocab_size) / 4000
    # Four standard errors of a share near its largest variance.
    assert (found - p).abs().max() < 4 * math.sqrt(0.25 / 4000)


def test_bad_input_to_unmasking():
    ids = torch.tensor([[1, 2]])
    with pytest.raises(PretrainError, match='"random", "surest"'):
        unmask(Fixed(), ids, WORDS, order="backward")
    with pytest.raises(PretrainError, match="give it a generator"):
        unmask(Fixed(), ids, WORDS)
    with pytest.raises(PretrainError, match="0 passes fill nothing"):
        unmask(Fixed(), ids, WORDS, passes=0, generator=Counter(0))
    none = torch.tensor([[1, 5]])
    assert torch.equal(unmask(Fixed(), none, WORDS, generator=Counter(0)), none)
