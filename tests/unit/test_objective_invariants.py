"""What must hold for every objective of the package, whatever it does.

One table of cases, built as the command line builds them; one test an invariant. A
class that is added to ``pretrain.objectives`` without a case fails the first test.
"""

import copy
import functools
import json
import math
from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pretrain import objectives, training
from pretrain.batch import PADDING, Rows
from pretrain.choices import choose, configure, corpus_for
from pretrain.corpora.chats import Chats
from pretrain.corpora.preferences import Preferences
from pretrain.errors import EmptyLossError, PretrainError
from pretrain.evaluation.likelihood import evaluate, evaluation_set
from pretrain.objectives import DPO, PolicyGradient, WithReference
from pretrain.packing import pack, rows_from
from pretrain.random import generator_for
from pretrain.training import Budget, fit

ROWS, LENGTH = 6, 48
CASES = {
    "causal": ("causal", {}),
    "smoothed": ("causal", {"smoothing": 0.1, "z": 1e-3}),
    "masked": ("masked", {}),
    "whole words": ("masked", {"whole_words": True}),
    "prefix": ("prefix", {}),
    "prefix of 3": ("prefix", {"k": 3}),
    "span": ("span", {}),
    "span, two stacks": ("span", {"form": "encoder-decoder"}),
    "denoising": ("denoising", {"delete": 0.1, "rotate": True}),
    "mixture": ("mixture", {}),
    "fim": ("fim", {}),
    "diffusion": ("diffusion", {}),
    "multi-token": ("multi-token", {"horizons": 3}),
    "chat": ("chat", {}),
    "nsp": ("nsp", {}),
    "sop": ("sop", {}),
    "replaced": ("replaced", {}),
    "all-tokens MLM": ("replaced", {"variant": "all_tokens_mlm"}),
    "clip": ("clip", {}),
    "simcse": ("simcse", {}),
    "dpo": DPO(),
    "policy gradient": PolicyGradient(samples=2, max_tokens=6),
}
# These use no randomness of their own.
FIXED = {"causal", "smoothed", "prefix of 3", "multi-token", "chat", "dpo"}
# Every row is scored against the others, or against the mean of the others.
WHOLE = {"clip", "simcse", "policy gradient"}


def objective_of(case: str):
    made = CASES[case]
    return choose(*made) if isinstance(made, tuple) else made


@functools.cache
def corpus_of(case: str):
    made = CASES[case]
    if isinstance(made, tuple):
        return corpus_for(made[0], objective_of(case), None)
    return Preferences(Chats(), samples=400)


def config_of(case: str):
    sizes = dict(
        vocab_size=corpus_of(case).tokenizer.vocab_size,
        width=16, depth=1, heads=2, length=LENGTH,
    )  # fmt: skip
    made = CASES[case]
    name, given = made if isinstance(made, tuple) else ("causal", {})
    return configure(name, objective_of(case), given, **sizes)


def model_of(case: str):
    """A model in float64 with weights that are nowhere exactly 0."""
    model = config_of(case).build(0)
    if not isinstance(CASES[case], tuple):
        model = WithReference(model)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=generator), alpha=0.1)
    return model.double()


@functools.cache
def piece_of(case: str):
    objective = objective_of(case)
    found = objective.read(corpus_of(case), "train", 0, rows=ROWS, length=LENGTH)
    return next(found)


def batch_of(case: str, piece=None, seed: int = 3):
    piece = piece_of(case) if piece is None else piece
    return objective_of(case)(piece, corpus_of(case).tokenizer, generator_for(seed))


def tensors(thing) -> dict[str, Tensor]:
    return {
        field.name: value
        for field in fields(thing)
        if isinstance(value := getattr(thing, field.name), Tensor)
    }


def same(a, b) -> bool:
    ours, theirs = tensors(a), tensors(b)
    equal = all(torch.equal(ours[name], theirs[name]) for name in ours)
    others = ("noise", "seed")  # seeds that a batch carries along
    return equal and all(getattr(a, k, None) == getattr(b, k, None) for k in others)


every = pytest.mark.parametrize("case", CASES)
readers = pytest.mark.parametrize(
    "case", [case for case in CASES if objective_of(case).reads_rows]
)


def test_every_objective_has_a_case():
    tested = {type(objective_of(case)).__name__ for case in CASES}
    assert tested >= set(objectives.__all__) - {"Objective", "WithReference"}


# -- making a batch -------------------------------------------------------------------


@every
def test_what_the_caller_gave_is_left_alone(case):
    piece = piece_of(case)
    if isinstance(piece, Rows):
        before = copy.deepcopy(piece)
        batch_of(case)
        assert same(before, piece)
    else:
        before = repr(piece)  # lists of plain values and frozen dataclasses
        batch_of(case)
        assert repr(piece) == before


@every
def test_the_same_seed_gives_the_same_batch_and_another_another(case):
    state = torch.get_rng_state()
    numbers = np.random.get_state()[1].copy()
    first = batch_of(case)
    assert same(first, batch_of(case))
    assert same(first, batch_of(case, seed=4)) == (case in FIXED)
    assert torch.equal(torch.get_rng_state(), state), "the global generator was used"
    assert (np.random.get_state()[1] == numbers).all()


def check(case: str, batch, rows: Rows | None = None) -> None:
    """Shapes; nothing scored on padding; no <pad> or <mask> as the answer."""
    special = corpus_of(case).tokenizer.special
    B, T = batch.inputs.shape
    for name in ("targets", "positions", "documents"):
        assert getattr(batch, name).shape == (B, T), name
    if batch.weights is not None:
        assert batch.weights.shape == (B, T)
    assert batch.scored.dtype == torch.bool
    if T:
        mask = batch.attention.mask(T)
        assert mask.shape[-2:] == (T, T) and mask.shape[0] in (1, B)
        assert mask.any(-1).all(), "a position that sees nothing has no average"
    assert (batch.documents[batch.scored] != PADDING).all()
    answers = batch.targets[batch.scored]
    assert not torch.isin(answers, torch.tensor([special.pad, special.mask])).any()
    if rows is None:
        return
    read, alignment = rows.tokens[:, :T], objective_of(case).alignment
    if alignment == "next":
        assert torch.equal(batch.inputs, read), "nothing is corrupted"
        truth = rows.tokens[:, 1 : T + 1]
        assert torch.equal(answers, truth[batch.scored])
    if alignment == "same":
        specials = torch.isin(read, torch.tensor(special.ids))
        assert torch.equal(batch.inputs[specials], read[specials])
        assert not batch.scored[specials].any(), "a special token was hidden"
        assert torch.equal(answers, read[batch.scored])
        unscored = ~batch.scored
        assert torch.equal(batch.inputs[unscored], read[unscored])


@every
def test_shapes_and_special_tokens(case):
    piece = piece_of(case)
    check(case, batch_of(case), piece if isinstance(piece, Rows) else None)


@readers
@given(
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=6),
    strategy=st.sampled_from(["whole", "concat", "pad"]),
    seed=st.integers(0, 999),
)
@settings(max_examples=12, deadline=None)
def test_any_rows(case, lengths, strategy, seed):
    """Documents of 1 to 20 tokens, packed in any way, padding or none."""
    tokenizer = corpus_of(case).tokenizer
    special = tokenizer.special
    last = special.first_extra or tokenizer.vocab_size
    random = np.random.default_rng(seed)
    texts = [random.integers(special.reserved, last, n).tolist() for n in lengths]
    rows = rows_from(list(pack(texts, special, 24, strategy)), special)
    before = copy.deepcopy(rows)
    if max(lengths) < getattr(objective_of(case), "shortest", 1):
        with pytest.raises(PretrainError, match="nothing to corrupt"):
            batch_of(case, rows, seed)
        return
    batch = batch_of(case, rows, seed)
    assert same(rows, before)
    check(case, batch, rows)


# -- its loss -------------------------------------------------------------------------


@every
def test_micro_batches_add_up(case):
    """Float64, the same terms in another order: 1e-10. Or the batch refuses a cut."""
    batch, objective = batch_of(case), objective_of(case)
    if case in WHOLE:
        with pytest.raises(PretrainError, match="micro_batches=1"):
            batch.split(3)
        return
    model = model_of(case)
    with torch.no_grad():
        whole = objective.loss(model, batch)
        parts = batch.split(3)
        assert len(parts) == 3
        sums = [objective.loss(model, part) for part in parts if part.count]
    assert sum(part.count for part in parts) == batch.count == int(whole.count)
    total = sum(loss.sum.item() for loss in sums)
    assert total == pytest.approx(whole.sum.item(), rel=1e-10)
    assert whole.sum.isfinite() and whole.sum > 0
    together = functools.reduce(lambda a, b: a + b, sums)
    for name, part in whole.parts.items():
        again = together.parts[name]
        assert int(again.count) == int(part.count), name
        assert again.sum.item() == pytest.approx(part.sum.item(), rel=1e-10), name


@readers
def test_padding_and_documents_of_one_token(case):
    """Each document in a row of its own; what follows it changes no loss."""
    corpus, objective = corpus_of(case), objective_of(case)
    special = corpus.tokenizer.special
    stream = corpus.stream("train", 0)
    texts = [next(stream)[: LENGTH - 2] for _ in range(3)]
    texts += [[special.reserved], [special.reserved + 1]]
    rows = rows_from(list(pack(texts, special, LENGTH, "pad")), special)
    assert (rows.documents == PADDING).any()
    batch = batch_of(case, rows)
    check(case, batch, rows)
    model = model_of(case)
    loss = objective.loss(model, batch)
    assert loss.sum.isfinite()
    loss.sum.backward()
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    assert grads and all(grad.isfinite().all() for grad in grads)


# -- through fit ----------------------------------------------------------------------

PLAN = Budget(
    tokens=4 * ROWS * LENGTH, rows=ROWS, length=LENGTH,
    evaluations=1, held_out=6, checkpoints=2,
)  # fmt: skip


def start(case: str):
    model = config_of(case).build(0)
    return model if isinstance(CASES[case], tuple) else WithReference(model)


@every
def test_it_trains_evaluates_and_has_a_header(case):
    corpus, objective = corpus_of(case), objective_of(case)
    run = fit(start(case), objective, corpus, PLAN, progress=False)
    assert len(run.log.column("loss")) == 4
    assert all(math.isfinite(x) for x in run.log.column("loss"))
    assert math.isfinite(run.eval_loss)
    header = json.loads(json.dumps(run.log.header))
    assert header["objective_class"] == type(objective).__name__
    held_out = evaluation_set(corpus, objective, PLAN.held_out, LENGTH)
    again = evaluate(run.model, held_out)
    assert again.mean == run.eval_loss, "an evaluation repeats exactly"


class Killed(Exception):
    pass


@pytest.mark.parametrize("case", ["replaced", "nsp", "span, two stacks", "dpo"])
def test_resume_is_bit_equal(case, tmp_path, monkeypatch):
    corpus, objective, step = corpus_of(case), objective_of(case), training.train_step
    whole = fit(start(case), objective, corpus, PLAN, progress=False)
    done = []

    def killed(*arguments):
        if len(done) == 3:  # after the checkpoint at step 2
            raise Killed
        done.append(1)
        return step(*arguments)

    how = dict(run_dir=tmp_path, progress=False)
    monkeypatch.setattr(training, "train_step", killed)
    with pytest.raises(Killed):
        fit(start(case), objective, corpus, PLAN, **how)
    monkeypatch.setattr(training, "train_step", step)
    torch.manual_seed(7)  # what the process drew in between does not matter
    resumed = fit(start(case), objective, corpus, PLAN, **how)
    assert resumed.log.column("loss") == whole.log.column("loss")
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


def test_a_loss_of_nothing_is_an_error_and_not_zero():
    """A chat in which nobody answers: the one case in which all targets are −100."""
    special = corpus_of("chat").tokenizer.special
    rows = rows_from(list(pack([[9, 9, 9]], special, 8, "pad")), special)
    with pytest.raises(EmptyLossError):
        objective_of("chat").loss(model_of("chat"), batch_of("chat", rows))
