"""Replaced-token detection: what is sampled, labeled and scored, for every variant.

Held against exact enumeration and plain loops; ELECTRA's own loss is in tests/parity.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pretrain import tokens
from pretrain.corpora.microworld import Microworld
from pretrain.electra import ElectraConfig
from pretrain.errors import PretrainError
from pretrain.losses import IGNORE
from pretrain.model import ModelConfig, redraw
from pretrain.objectives.masked import Masked
from pretrain.objectives.replaced import VARIANTS, Replaced, copy_losses, sample
from pretrain.packing import batches, pack, rows_from
from pretrain.random import Counter, generator_for
from pretrain.training import Budget, fit, train_step

WORDS = tokens.words([f"w{i}" for i in range(20)])
SPECIAL = WORDS.special
FIRST, SIZE = SPECIAL.reserved, WORDS.vocab_size


@pytest.fixture(scope="module")
def world() -> Microworld:
    return Microworld()


def padded_rows(seed=0, rows=5, length=12):
    random = np.random.default_rng(seed)
    documents = [
        random.integers(FIRST, SIZE, random.integers(2, length)).tolist()
        for _ in range(rows)
    ]
    return rows_from(list(pack(documents, SPECIAL, length, "pad")), SPECIAL)


def model_for(vocab_size=SIZE, tied=True, share=0.5, seed=0):
    trunk = ModelConfig(vocab_size, width=16, depth=1, heads=2, context=64)
    return ElectraConfig(trunk, share, tied).build(seed)


# -- sampling -------------------------------------------------------------------------


def test_each_token_owns_an_interval_as_long_as_its_probability():
    """All 10,000 draws of an even grid: shares are exact up to the grid's step."""
    weights = [0.0, 0.0, 0.0, 0.0, 0.5, 0.25, 0.0, 0.25]  # four specials first
    logits = torch.tensor(weights).log()[None].expand(10_000, -1)
    grid = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
    counts = torch.bincount(sample(logits, grid), minlength=8)
    assert counts.tolist() == [0, 0, 0, 0, 5000, 2500, 0, 2500]


def test_special_tokens_are_never_sampled():
    logits = torch.zeros(2, 6)
    logits[:, :FIRST] = 50.0
    ends = torch.tensor([0.0, 1 - 2**-24])
    assert sample(logits, ends).tolist() == [FIRST, 5]


@given(st.integers(0, 2**31))
def test_samples_follow_the_softmax_not_its_top(seed):
    """Four tokens, 2,000 draws: within five standard errors each."""
    logits = torch.randn(1, 8, generator=torch.Generator().manual_seed(seed))
    draws = torch.rand(2000, generator=torch.Generator().manual_seed(seed + 1))
    found = torch.bincount(sample(logits.expand(2000, -1), draws), minlength=8) / 2000
    wanted = logits[0, FIRST:].softmax(-1)
    error = (wanted * (1 - wanted) / 2000).sqrt()
    assert ((found[FIRST:] - wanted).abs() < 5 * error + 1e-9).all()


# -- labels ---------------------------------------------------------------------------


class Stub(torch.nn.Module):
    """A generator that says ``likely`` with certainty; a discriminator that looks."""

    def __init__(self, logits):
        super().__init__()
        self.table, self.seen = logits, None

    def generate_hidden(self, inputs, attention, positions):
        return torch.zeros(*inputs.shape, 1)

    def generate_logits(self, hidden):
        return self.table.expand(len(hidden), -1)

    def hidden(self, inputs, attention, positions):
        self.seen = inputs
        return inputs[..., None].double()

    def replaced_logits(self, hidden):
        return hidden[..., 0] * 0.1 - 1

    def logits(self, hidden):
        return torch.nn.functional.one_hot(hidden[..., 0].long(), SIZE).double()


def test_a_token_that_the_generator_got_right_counts_as_original():
    """Every masked position becomes w0: replaced everywhere but where w0 was."""
    certain = torch.full((1, SIZE), -100.0, dtype=torch.float64)
    certain[0, FIRST] = 100.0
    rows = rows_from([[1, 4, 5, 4, 6, 1]], SPECIAL)  # <doc> w0 w1 w0 w2 | <doc>
    objective = Replaced(Masked(1.0, (1.0, 0.0, 0.0)))
    batch = objective(rows, WORDS, Counter(0))
    assert batch.targets.tolist() == [[IGNORE, 4, 5, 4, 6]]
    model = Stub(certain)
    loss = objective.loss(model, batch)
    assert model.seen.tolist() == [[1, 4, 4, 4, 4]]
    labels = [0, 0, 1, 0, 1]
    logits = [0.1 * token - 1 for token in [1, 4, 4, 4, 4]]
    pairs = zip(logits, labels, strict=True)
    each = [math.log1p(math.exp(-z if y else z)) for z, y in pairs]
    assert loss.parts["discriminator"].sum.item() == pytest.approx(sum(each))
    assert int(loss.parts["discriminator"].count) == 5  # <doc> is judged too
    metrics = objective.metrics(model, batch)
    assert metrics["original"].mean().item() == pytest.approx(3 / 5)
    assert metrics["generator_accuracy"].mean().item() == pytest.approx(2 / 4)


def test_labels_of_all_samples_enumerated():
    """One masked token, two equally likely fillings: a draw below ½ gives w0."""
    even = torch.full((1, SIZE), -1e4, dtype=torch.float64)
    even[0, [FIRST, FIRST + 1]] = 0.0
    rows = rows_from([[1, FIRST + 1, 1]], SPECIAL)
    objective = Replaced()
    batch = objective(rows, WORDS, Counter(3))
    for draw, token in [(0.0, 0), (0.4999, 0), (0.5, 1), (0.9999, 1)]:
        draws = torch.full_like(batch.draws, draw)
        changed = type(batch)(**{**vars(batch), "draws": draws})
        _, corrupted = objective.generate(Stub(even), changed)
        assert corrupted.tolist() == [[1, FIRST + token]]


@given(st.integers(0, 500), st.sampled_from(VARIANTS))
def test_fields_of_a_batch(seed, variant):
    rows = padded_rows(seed)
    before = rows.tokens.clone()
    batch = Replaced(variant=variant)(rows, WORDS, Counter(seed))
    assert torch.equal(rows.tokens, before)
    assert torch.equal(batch.originals, before[:, :-1])
    there = batch.documents >= 0
    everywhere = variant in ("rtd", "all_tokens_mlm")
    assert torch.equal(batch.judged, there if everywhere else batch.scored)
    again = Replaced(variant=variant)(rows, WORDS, Counter(seed))
    assert torch.equal(batch.draws, again.draws)
    _, corrupted = Replaced().generate(redraw(model_for()), batch)
    assert torch.equal(corrupted[~batch.scored], batch.originals[~batch.scored])
    assert (corrupted[batch.scored] >= FIRST).all()


# -- losses ---------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_loss_is_mlm_plus_lambda_times_the_other(variant):
    objective = Replaced(variant=variant)
    batch = objective(padded_rows(), WORDS, Counter(1))
    model = redraw(model_for()).double()
    loss = objective.loss(model, batch)
    one, two = loss.parts["generator"], loss.parts["discriminator"]
    assert objective.factor == (50 if variant.startswith("rtd") else 1)
    wanted = one.sum / one.count + objective.factor * two.sum / two.count
    # The weights are float32: relative errors of 6e-8 each.
    torch.testing.assert_close(loss.sum / batch.count, wanted, rtol=1e-6, atol=0)
    assert int(one.count) == int(batch.scored.sum())
    assert int(two.count) == int(batch.judged.sum())


def test_all_tokens_mlm_copies():
    """Two positions by hand: one that may be copied, one that must be written."""
    replaced = torch.tensor([-1.0, 2.0], dtype=torch.float64)
    logits = torch.tensor([[0.0, 1.0, 2.0], [3.0, 0.0, 1.0]], dtype=torch.float64)
    read, true = torch.tensor([2, 0]), torch.tensor([2, 1])
    found = copy_losses(replaced, logits, read, true)
    p = logits.softmax(-1)
    copy = 1 / (1 + replaced.exp())  # c = 1 − P(replaced)
    wanted = [copy[0] + (1 - copy[0]) * p[0, 2], (1 - copy[1]) * p[1, 1]]
    torch.testing.assert_close(found, -torch.stack(wanted).log())
    # It is a distribution over tokens: what is written and copied sums to one.
    total = sum(
        (-copy_losses(replaced, logits, read, torch.full((2,), v))).exp()
        for v in range(3)
    )
    torch.testing.assert_close(total, torch.ones(2, dtype=torch.float64))


def test_copying_has_a_finite_gradient_where_nothing_can_be_copied():
    replaced = torch.tensor([-30.0, 30.0], requires_grad=True)
    logits = torch.randn(2, 5, requires_grad=True)
    copy_losses(replaced, logits, torch.tensor([1, 1]), torch.tensor([2, 1])).sum(
    ).backward()
    assert replaced.grad.isfinite().all() and logits.grad.isfinite().all()


def test_replace_mlm_is_cross_entropy_of_the_originals():
    objective = Replaced(variant="replace_mlm")
    batch = objective(padded_rows(), WORDS, Counter(1))
    model = redraw(model_for()).double()
    _, corrupted = objective.generate(model, batch)
    hidden = model.hidden(corrupted, batch.attention, batch.positions)
    wanted = torch.nn.functional.cross_entropy(
        model.logits(hidden).transpose(1, 2), batch.targets, reduction="sum"
    )
    found = objective.loss(model, batch).parts["discriminator"].sum
    torch.testing.assert_close(found, wanted)


def test_no_gradient_goes_through_the_sampling():
    """Untied: the discriminator's loss leaves the generator without any gradient."""
    objective = Replaced()
    batch = objective(padded_rows(), WORDS, Counter(1))
    model = redraw(model_for(tied=False))
    objective.loss(model, batch).parts["discriminator"].sum.backward()
    assert all(p.grad is None for p in model.generator.parameters())
    assert all(p.grad is not None for p in model.discriminator.blocks.parameters())


@pytest.mark.parametrize("variant", ["rtd", "rtd_masked"])
def test_micro_batches_add_up(variant):
    """Same samples, same losses, same gradient: draws and weights come with a batch."""
    objective = Replaced(Masked(0.05, (1.0, 0.0, 0.0)), variant)
    batch = objective(padded_rows(rows=6), WORDS, generator_for(2))
    assert any(not part.scored.any() for part in batch.split(6))
    found = []
    for micro in (1, 6):
        model = redraw(model_for(), 3).double()
        budget = Budget(rows=6, micro_batches=micro, clip=1e9)
        stepper = torch.optim.SGD(model.parameters(), lr=0.0)
        stepper.param_groups[0]["base_lr"] = 0.0
        record = train_step(model, objective, batch, [stepper], 1.0, budget)
        grads = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
        found.append((record, torch.cat(grads)))
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-9, atol=1e-12)
    for key in ("loss", "loss_generator", "loss_discriminator"):
        assert found[0][0][key] == pytest.approx(found[1][0][key], rel=1e-12)


# -- the model ------------------------------------------------------------------------


def tables_of(model) -> list[str]:
    named = model.named_parameters()
    return [n for n, p in named if n.endswith("embedding.weight") and len(p) == SIZE]


def test_tied_embeddings_are_one_matrix_and_both_losses_train_it():
    model, other = redraw(model_for(tied=True)), model_for(tied=False)
    assert tables_of(model) == ["discriminator.embedding.weight"]
    assert tables_of(other) == [
        "discriminator.embedding.weight", "generator.embedding.weight"
    ]  # fmt: skip
    objective = Replaced()
    batch = objective(padded_rows(), WORDS, Counter(1))
    for part in ("generator", "discriminator"):
        model.zero_grad()
        objective.loss(model, batch).parts[part].sum.backward()
        assert model.discriminator.embedding.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    "share, width", [(0.25, 16), (0.5, 32), (0.3, 24), (1.0, 64), (0.01, 8)]
)
def test_the_generators_width(share, width):
    config = ElectraConfig(ModelConfig(50, width=64, heads=4), share)
    assert config.generator.width == width
    assert config.generator.depth == config.discriminator.depth


# -- training -------------------------------------------------------------------------

SMALL = Budget(4 * 4 * 32, rows=4, length=32, held_out=8, evaluations=2, checkpoints=2)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("tied", [True, False])
def test_four_steps_of_fit(variant, tied, world):
    model = model_for(world.tokenizer.vocab_size, tied)
    run = fit(model, Replaced(variant=variant), world, SMALL, progress=False)
    assert len(run.log.column("loss_generator")) == 4
    assert len(run.log.column("eval_discriminator")) == 2
    if variant != "replace_mlm":
        assert 0 <= run.log.column("eval_recall")[-1] <= 1
        assert 0.5 < run.log.column("eval_original")[-1] < 1


def test_a_killed_run_goes_on_bit_for_bit(world, tmp_path):
    size = world.tokenizer.vocab_size

    class Killed(Exception):
        pass

    def kill(model, record):
        if record["step"] == 4:
            raise Killed

    whole = fit(model_for(size), Replaced(), world, SMALL, progress=False)
    with pytest.raises(Killed):
        fit(model_for(size), Replaced(), world, SMALL, run_dir=tmp_path,
            progress=False, after_evaluation=kill)  # fmt: skip
    again = fit(
        model_for(size, seed=9), Replaced(), world, SMALL, run_dir=tmp_path,
        progress=False,
    )  # fmt: skip
    assert again.log.column("loss") == whole.log.column("loss")
    for p, q in zip(whole.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(p, q)


def test_every_matrix_of_both_networks_moves(world):
    model = model_for(world.tokenizer.vocab_size)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    fit(model, Replaced(), world, SMALL, progress=False)
    still = [n for n, p in model.named_parameters() if torch.equal(p, before[n])]
    assert still == ["generator.trunk.embedding.weight"]  # never read


# -- bad input ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Replaced(variant="electra"), "choose one of rtd"),
        (lambda: Replaced(weight=-1.0), "weight"),
        (lambda: Replaced(weight=float("inf")), "weight"),
        (lambda: Replaced(temperature=0.0), "above 0"),
        (lambda: ElectraConfig(ModelConfig(9), share=0.0), "share"),
        (lambda: ElectraConfig(ModelConfig(9), share=1.5), "share"),
        (
            lambda: Replaced()(
                padded_rows(), tokens.words(["a"], mask=False), Counter(0)
            ),
            "no <mask>",
        ),
        (lambda: Replaced()(rows_from([[1, 1, 1]], SPECIAL), WORDS, Counter(0)),
         "special tokens only"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(make, message):
    with pytest.raises(PretrainError, match=message):
        make()


def test_rows_of_the_corpus_are_read_packed(world):
    rows = next(batches(world.stream("train", 0), world.tokenizer.special, 4, 32))
    read = next(Replaced().read(world, "train", 0, rows=4, length=32))
    assert torch.equal(rows.tokens, read.tokens)
