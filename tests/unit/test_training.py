"""The trainer: exact repeats, exact resumes, exact accumulation, clear stops."""

import json
import math
import os

import numpy as np
import pytest
import torch

from pretrain import checkpoints, tokens
from pretrain.__main__ import main
from pretrain.corpora.document import Document
from pretrain.errors import (
    CheckpointError,
    EmptyCorpusError,
    NonFiniteLossError,
    PretrainError,
)
from pretrain.model import ModelConfig, Transformer, redraw
from pretrain.objectives import Causal, Masked
from pretrain.optim import Muon, optimizers, orthogonalize, schedule
from pretrain.runs import read_log
from pretrain.training import Budget, budget, fit, train_step

TINY = Budget(tokens=10 * 4 * 16, rows=4, length=16, evaluations=2, held_out=5)


class Counting:
    """Documents that count upward from a random start: easy, endless, seeded."""

    name = "counting"

    def __init__(self, words: int = 12, documents: int | None = None) -> None:
        self.tokenizer = tokens.words([f"w{i}" for i in range(words)])
        self.words, self.documents = words, documents

    def stream(self, split, seed):
        random = np.random.default_rng([seed, split == "train"])
        made = 0
        while self.documents is None or made < self.documents:
            start, length = random.integers(self.words), random.integers(2, 9)
            yield [int(4 + (start + i) % self.words) for i in range(length)]
            made += 1

    def heldout(self, split="validation", n=None):
        stream = self.stream(split, 99)
        return [
            Document(tuple(ids), "x " * len(ids))
            for ids, _ in zip(stream, range(60 if n is None else n), strict=False)
        ]


@pytest.fixture
def corpus():
    return Counting()


def config(corpus, **changes):
    sizes = dict(width=16, depth=2, heads=2, context=32) | changes
    return ModelConfig(corpus.tokenizer.vocab_size, **sizes)


def weights(run):
    return {n: p.clone() for n, p in run.model.state_dict().items()}


@pytest.mark.parametrize("objective", [Causal(), Masked()], ids=["causal", "masked"])
def test_a_seeded_run_repeats_exactly(corpus, objective):
    one, two = (fit(config(corpus), objective, corpus, TINY, seed=5) for _ in range(2))
    assert one.log.column("loss") == two.log.column("loss")
    assert one.log.column("eval_loss") == two.log.column("eval_loss")
    other = fit(config(corpus), objective, corpus, TINY, seed=6)
    assert one.log.column("loss") != other.log.column("loss")


def test_it_learns(corpus):
    longer = Budget(tokens=150 * 8 * 16, rows=8, length=16, evaluations=2, held_out=50)
    run = fit(config(corpus), Causal(), corpus, longer)
    # The start of a document (ln 12) and its end are random, the rest is certain.
    assert run.eval_loss < 0.6 * run.log.column("loss")[0]


class Killed(Exception):
    pass


@pytest.mark.parametrize("kill_at", [1, 4, 5, 6, 9])
@pytest.mark.parametrize("objective", [Causal(), Masked()], ids=["causal", "masked"])
@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_resume_is_bit_equal(
    corpus, tmp_path, monkeypatch, kill_at, objective, optimizer
):
    from pretrain import training

    plan = Budget(**{**TINY.__dict__, "checkpoints": 5, "optimizer": optimizer})
    whole = fit(config(corpus), objective, corpus, plan, seed=1)

    step, count = training.train_step, [0]

    def killed(*arguments):
        count[0] += 1
        if count[0] > kill_at:
            raise Killed
        return step(*arguments)

    monkeypatch.setattr(training, "train_step", killed)
    with pytest.raises(Killed):
        fit(config(corpus), objective, corpus, plan, seed=1, run_dir=tmp_path)
    monkeypatch.setattr(training, "train_step", step)
    torch.manual_seed(123)  # whatever the process drew in between must not matter
    resumed = fit(config(corpus), objective, corpus, plan, seed=1, run_dir=tmp_path)

    for name, value in weights(whole).items():
        assert torch.equal(value, weights(resumed)[name]), name
    assert resumed.log.column("loss") == whole.log.column("loss")
    assert resumed.log.column("step") == list(range(1, 11))
    assert read_log(tmp_path / "log.jsonl").column("loss") == whole.log.column("loss")


def test_a_kill_between_the_two_files_of_a_checkpoint(corpus, tmp_path):
    plan = Budget(**{**TINY.__dict__, "checkpoints": 5})
    whole = fit(config(corpus), Causal(), corpus, plan, run_dir=tmp_path)
    about = json.loads((tmp_path / "checkpoint.json").read_text())
    about["step"] = 8  # as if the JSON of the checkpoint before were still in place
    (tmp_path / "checkpoint.json").write_text(json.dumps(about))
    again = fit(config(corpus), Causal(), corpus, plan, run_dir=tmp_path)
    assert again.log.column("loss") == whole.log.column("loss")


@pytest.mark.parametrize("parts", [2, 3, 4])
def test_accumulation_is_token_weighted(corpus, parts):
    """Micro-batches with unequal scored tokens give the gradient of the whole."""
    from pretrain.packing import batches
    from pretrain.random import generator_for

    rows = next(batches(corpus.stream("train", 0), corpus.tokenizer.special, 4, 16))
    objective = Masked(0.15)
    batch = objective(rows, corpus.tokenizer, generator_for(0))
    assert len(set(batch.scored.sum(1).tolist())) > 1, "unequal counts are the point"
    gradients = []
    for micro in (1, parts):
        model = redraw(Transformer(config(corpus)), 0).double()
        plan = Budget(micro_batches=micro, clip=math.inf)
        train_step(model, objective, batch, [], 1.0, plan)
        gradients.append([p.grad for p in model.parameters()])
    for whole, summed in zip(*gradients, strict=True):
        # float64, one step: only the order of summation differs.
        torch.testing.assert_close(whole, summed, rtol=1e-9, atol=1e-11)


def test_mean_of_means_would_fail_that_test(corpus):
    from pretrain.packing import batches
    from pretrain.random import generator_for
    rows = next(batches(corpus.stream("train", 0), corpus.tokenizer.special, 4, 16))
    objective = Masked(0.15)
    batch = objective(rows, corpus.tokenizer, generator_for(0))
    model = redraw(Transformer(config(corpus)), 0).double()
    whole = objective.loss(model, batch).mean()
    parts = [objective.loss(model, part).mean() for part in batch.split(2)]
    means = torch.stack(parts)
    assert abs(whole - means.mean()) > 1e-3


def test_adamw_step_equals_pytorchs_own_loop(corpus):
    """One step of the trainer against a plain PyTorch loop on the same batch."""
    import torch.nn.functional as F

    from pretrain.packing import batches

    rows = next(batches(corpus.stream("train", 0), corpus.tokenizer.special, 4, 16))
    batch = Causal()(rows)
    ours, theirs = (Transformer(config(corpus), 7).double() for _ in range(2))
    plan = Budget(optimizer="adamw", clip=math.inf)
    steppers = optimizers(ours, lr=0.01, kind="adamw")
    train_step(ours, Causal(), batch, steppers, 1.0, plan)
    matrices = [p for n, p in theirs.named_parameters() if "blocks." in n]
    rest = [theirs.embedding.weight]
    groups = [
        dict(params=matrices, weight_decay=0.1),
        dict(params=rest, weight_decay=0),
    ]
    optimizer = torch.optim.AdamW(groups, lr=0.01, betas=(0.9, 0.95))
    logits = theirs(batch.inputs, batch.attention, batch.positions)
    F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten()).backward()
    optimizer.step()
    # Adam divides by the root of a squared gradient: where that is near its ε of 1e-8,
    # rounding is magnified.
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-8)


def test_orthogonalized_updates_have_singular_values_near_one():
    g = torch.Generator().manual_seed(0)
    for shape in [(3, 16, 16), (2, 16, 64)]:
        values = torch.linalg.svdvals(orthogonalize(torch.randn(shape, generator=g)))
        # The iteration's published range for five steps (a square Gaussian matrix has
        # a smallest singular value near 0, which five steps do not lift all the way).
        assert values.max() < 1.3
        assert values.median() > 0.6


def test_muon_agrees_with_torchs_muon_in_direction():
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this torch has no Muon to compare with")
    g = torch.Generator().manual_seed(0)
    start, grad = (torch.randn(32, 32, generator=g) for _ in range(2))
    moves = []
    for make in (
        lambda p: Muon([p], lr=0.1, momentum=0.95),
        lambda p: torch.optim.Muon([p], lr=0.1, momentum=0.95, weight_decay=0.0),
    ):
        p = torch.nn.Parameter(start.clone())
        p.grad = grad.clone()
        make(p).step()
        moves.append((p - start).flatten().detach())
    # theirs works in bfloat16 (8 bits of mantissa), through five squarings
    assert torch.cosine_similarity(*moves, dim=0) > 0.99


def test_schedule():
    factors = [schedule(step, 100, warmup=0.1, decay=0.5) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert max(factors) == 1.0 and factors[9] == 1.0 and factors[50] == 1.0
    assert factors[99] == pytest.approx(1 / 50) and min(factors) > 0


def test_a_loss_that_is_not_finite_stops_and_says_where(corpus, tmp_path, monkeypatch):
    plan = Budget(**{**TINY.__dict__, "checkpoints": 10})
    original, count = Causal.loss, [0]

    def poisoned(self, model, batch):
        loss = original(self, model, batch)
        count[0] += model.training  # the steps; a held-out loss is left alone
        spoiled = model.training and count[0] == 4
        return loss._replace(sum=loss.sum * math.nan) if spoiled else loss

    monkeypatch.setattr(Causal, "loss", poisoned)
    with pytest.raises(NonFiniteLossError, match="step 4.*last good.*step 3"):
        fit(config(corpus), Causal(), corpus, plan, run_dir=tmp_path)
    kept = checkpoints.load_model(tmp_path)
    assert all(p.isfinite().all() for p in kept.parameters())


def test_empty_corpus(corpus):
    with pytest.raises(EmptyCorpusError, match="no documents"):
        fit(config(corpus), Causal(), Counting(documents=0), TINY)


def test_a_corpus_that_ends(corpus):
    with pytest.raises(PretrainError, match="ended before"):
        fit(config(corpus), Causal(), Counting(documents=20), TINY)


def test_wrong_vocabulary_and_context(corpus):
    with pytest.raises(PretrainError, match="vocabulary"):
        fit(ModelConfig(99, width=16, heads=2), Causal(), corpus, TINY)
    with pytest.raises(PretrainError, match="context"):
        fit(config(corpus, context=8), Causal(), corpus, TINY)
    model = Transformer(config(corpus, context=8))
    with pytest.raises(PretrainError, match="does not fit this model's context of 8"):
        model(torch.zeros(1, 9, dtype=torch.long))


class TestCheckpoints:
    @pytest.fixture
    def folder(self, corpus, tmp_path):
        fit(config(corpus), Causal(), corpus, TINY, run_dir=tmp_path)
        return tmp_path

    def test_round_trip(self, corpus, folder):
        run = fit(config(corpus), Causal(), corpus, TINY)
        for a, b in zip(
            run.model.parameters(),
            checkpoints.load_model(folder).parameters(),
            strict=True,
        ):
            assert torch.equal(a, b)

    def test_another_shape(self, corpus, folder):
        about, tensors = checkpoints.read(folder)
        wider = Transformer(config(corpus, width=32))
        before = {n: p.clone() for n, p in wider.state_dict().items()}
        with pytest.raises(CheckpointError, match="another shape.*saved.*expected"):
            checkpoints.load_into(wider, tensors, folder)
        assert all(torch.equal(p, before[n]) for n, p in wider.state_dict().items())

    def test_another_run_in_the_folder(self, corpus, folder):
        with pytest.raises(CheckpointError, match="another run.*seed"):
            fit(config(corpus), Causal(), corpus, TINY, seed=9, run_dir=folder)

    @pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
    def test_truncated(self, folder, share):
        path = folder / "checkpoint.safetensors"
        data = path.read_bytes()
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(CheckpointError, match="damaged or cut short"):
            checkpoints.load_model(folder)

    def test_missing(self, tmp_path):
        with pytest.raises(CheckpointError, match="no checkpoint"):
            checkpoints.load_model(tmp_path)

    def test_old_format(self, folder):
        about = json.loads((folder / "checkpoint.json").read_text())
        about["format"] = "pretrain-checkpoint-0"
        (folder / "checkpoint.json").write_text(json.dumps(about))
        with pytest.raises(CheckpointError, match="format"):
            checkpoints.load_model(folder)

    def test_no_write_permission(self, corpus, tmp_path, monkeypatch):
        blocked = tmp_path / "file"
        blocked.write_text("a file where a folder should go")
        with pytest.raises(CheckpointError, match="cannot write"):
            fit(config(corpus), Causal(), corpus, TINY, run_dir=blocked)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_read_only_folder(self, corpus, tmp_path):
        tmp_path.chmod(0o500)
        with pytest.raises(CheckpointError, match="cannot write"):
            fit(config(corpus), Causal(), corpus, TINY, run_dir=tmp_path)


def test_budgets(monkeypatch):
    monkeypatch.delenv("PRETRAIN_BUDGET", raising=False)
    assert budget("cpu").tokens < budget("cuda").tokens
    assert budget("cpu", tokens=5000, rows=4).rows == 4
    monkeypatch.setenv("PRETRAIN_BUDGET", "smoke")
    assert budget("cpu", tokens=10**9).steps == 4
    with pytest.raises(PretrainError):
        Budget(tokens=0)


def test_command_line(tmp_path, capsys):
    text = tmp_path / "text.txt"
    text.write_text(
        "\n\n".join(f"The cat number {i} sat on the mat." for i in range(400))
    )
    size = "--tokens 2000 --rows 4 --length 32 --width 16 --depth 1 --heads 2".split()
    out = str(tmp_path / "run")
    command = ["--corpus", str(text), "--out", out, "--objective", "masked", *size]
    assert main(command) == 0
    assert "held-out loss" in capsys.readouterr().out
    assert main([*command, "--rate", "1.5"]) == 2
    assert "masking rate is 1.5" in capsys.readouterr().err
    assert main(["--corpus", str(tmp_path / "none.txt"), *size]) == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["microworld", "hmm", "python-docs"])
def test_command_line_opens_every_corpus(name, capsys):
    size = "--tokens 500 --rows 2 --length 32 --width 16 --depth 1 --heads 2".split()
    assert main(["--corpus", name, *size]) == 0
    assert "causal on" in capsys.readouterr().out


def test_a_callback_sees_each_evaluation_and_adds_to_the_log(corpus):
    seen = []

    def look(model, record):
        assert not model.training
        seen.append(record["step"])
        return {"looked": len(seen)}

    run = fit(config(corpus), Causal(), corpus, TINY, after_evaluation=look)
    assert seen == [5, 10]
    assert run.log.column("looked") == [1, 2]
    assert run.model.training is False
    plain = fit(config(corpus), Causal(), corpus, TINY)
    assert plain.log.column("loss") == run.log.column("loss")


def test_weights_multiply_the_loss_of_their_tokens(corpus):
    from dataclasses import replace

    from pretrain.losses import token_losses
    from pretrain.packing import batches

    rows = next(batches(corpus.stream("train", 0), corpus.tokenizer.special, 4, 16))
    batch = Causal()(rows)
    weights = torch.rand(batch.targets.shape, dtype=torch.float64)
    model = redraw(Transformer(config(corpus)), 0).double()
    loss = Causal().loss(model, replace(batch, weights=weights))
    logits = model(batch.inputs, batch.attention, batch.positions)
    each = token_losses(logits, batch.targets) * weights
    torch.testing.assert_close(loss.sum, each.sum())
    assert int(loss.count) == batch.count
    halves = replace(batch, weights=weights).split(2)
    again = sum(Causal().loss(model, half).sum for half in halves)
    torch.testing.assert_close(loss.sum, again)
