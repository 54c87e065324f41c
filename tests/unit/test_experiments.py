"""Experiments: the grid, resuming, repeating a run, judging a trend, the command."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from pretrain.corpora.markov import weather
from pretrain.errors import CheckpointError, PretrainError
from pretrain.experiments import running, tables
from pretrain.experiments.__main__ import main
from pretrain.experiments.base import Arm, Experiment
from pretrain.experiments.catalog import catalog, find
from pretrain.experiments.claims import Claim, over_seeds, quantile
from pretrain.model import ModelConfig
from pretrain.objectives import Causal, Masked
from pretrain.training import Budget

COMMITTED = sorted(path.parent.name for path in tables.RESULTS.glob("*/summary.json"))
STEPS = Budget(tokens=4 * 2 * 32, rows=2, length=32, evaluations=2, held_out=4)


def arms(size):
    model = ModelConfig(weather().tokenizer.vocab_size, width=16, depth=1, heads=2)
    return (
        Arm("causal", model, Causal(), weather, STEPS),
        Arm("masked", model, Masked(), weather, STEPS),
    )


def measure(run, arm):
    return {"loss": run.eval_loss, "parameters": run.model.parameter_count}


TINY = Experiment(
    name="tiny",
    question="Does it work?",
    published="Nothing.",
    sources=(),
    setting="Four steps.",
    claims=(Claim("Both are as large", "parameters", {"causal": 1, "masked": -1},
                  "within", 1.0),),
    arms=arms,
    measure=measure,
    primary=("loss",),
    seeds={"cpu": 2, "gpu": 2},
)  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    logs = running.run(TINY, folder, workers=1, say=lambda line: None)
    return folder, logs


def test_every_arm_and_seed_has_a_log_of_evaluations_only(done):
    folder, logs = done
    names = sorted(path.name for path in folder.glob("*.jsonl"))
    assert names == [f"{a}.{s}.jsonl" for a in ("causal", "masked") for s in (0, 1)]
    for log in logs:
        assert [record["step"] for record in log.records] == [2, 4]
        assert log.records[-1]["measures"]["loss"] == log.records[-1]["eval_loss"]
        assert log.records[-1]["cpu_seconds"] > 0
    assert [(log.header["arm"], log.header["seed"]) for log in logs] == [
        ("causal", 0), ("masked", 0), ("causal", 1), ("masked", 1)
    ]  # fmt: skip


def test_only_missing_runs_are_made_again_and_come_out_the_same(done, tmp_path):
    folder, logs = done
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "masked.1.jsonl").unlink()
    kept = (tmp_path / "causal.0.jsonl").stat().st_mtime_ns
    said = []
    redone = running.run(TINY, tmp_path, workers=1, say=said.append)
    assert len(said) == 1 and "masked.1" in said[0]
    assert (tmp_path / "causal.0.jsonl").stat().st_mtime_ns == kept
    assert redone[3].column("eval_loss") == logs[3].column("eval_loss")


def test_two_processes_write_the_same_losses_as_one(done, tmp_path):
    _, logs = done
    beside = running.run(TINY, tmp_path, workers=2, say=lambda line: None)
    for one, two in zip(logs, beside, strict=True):
        assert one.column("eval_loss") == two.column("eval_loss")


def test_a_run_comes_again_from_the_header_of_its_log(done):
    """Equal here: same machine, same versions; no tolerance."""
    folder, _ = done
    found = running.again(folder / "masked.1.jsonl", {"tiny": TINY}.get)
    assert found.same_versions and found.difference == 0
    assert len(found.old) == 2


def test_logs_of_a_changed_experiment_are_refused(done):
    folder, _ = done

    def longer(size):
        return tuple(replace(a, budget=replace(STEPS, tokens=999)) for a in arms(size))

    changed = replace(TINY, arms=longer)
    with pytest.raises(CheckpointError, match="its budget differ.*--out"):
        running.run(changed, folder, workers=1)
    with pytest.raises(CheckpointError, match="its budget differ"):
        running.again(folder / "causal.0.jsonl", {"tiny": changed}.get)
    with pytest.raises(CheckpointError, match="its size differ"):
        running.run(TINY, folder, "gpu", workers=1)


def test_runs_of_another_experiment_are_not_mixed_in(done, tmp_path):
    folder, _ = done
    shutil.copy(folder / "causal.0.jsonl", tmp_path / "other.0.jsonl")
    with pytest.raises(CheckpointError, match="not of 'tiny'.*other.0"):
        running.run(TINY, tmp_path, workers=1)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot write.*--out"):
        running.run(TINY, tmp_path / "file" / "inside", workers=1)


def test_a_log_that_is_no_experiments_is_refused(done, tmp_path):
    folder, _ = done
    lines = (folder / "causal.0.jsonl").read_text().splitlines()
    header = json.loads(lines[0])
    del header["arm"]
    (tmp_path / "x.jsonl").write_text(json.dumps(header) + "\n")
    with pytest.raises(PretrainError, match="lacks arm"):
        running.again(tmp_path / "x.jsonl", {"tiny": TINY}.get)


def test_the_summary_has_intervals_and_verdicts_and_can_be_read_back(done, tmp_path):
    _, logs = done
    summary = tables.summarize(TINY, logs, "cpu")
    (tmp_path / "tiny").mkdir()
    tables.write(tmp_path / "tiny", summary)
    assert tables.read_summary("tiny", tmp_path) == summary
    cell = summary["arms"]["causal"]["loss"]
    values = [log.records[-1]["eval_loss"] for log in (logs[0], logs[2])]
    assert cell["values"] == pytest.approx(values, rel=1e-5)  # six digits are kept
    assert cell["low"] < cell["mean"] < cell["high"]
    assert summary["claims"][0]["verdict"] == "found"
    assert "| Both are as large |" in tables.markdown(summary)
    with pytest.raises(PretrainError, match="no results of 'other'.*tiny"):
        tables.read_summary("other", tmp_path)


# -- judging ----------------------------------------------------------------------


def test_quantiles_are_students():
    """Against SciPy, also where the expansion takes over: from 20 degrees on.

    It leaves out terms of order 1/n³, which at 20 degrees are 1.6e-4 of the value.
    """
    for freedom in (1, 2, 3, 7, 19, 20, 25, 60):
        exact = stats.t.ppf(0.975, freedom)
        assert quantile(freedom) == pytest.approx(exact, rel=2e-4)


def test_the_interval_is_students():
    values = np.random.default_rng(0).normal(size=5)
    found = over_seeds(values)
    low, high = stats.t.interval(
        0.95, 4, loc=values.mean(), scale=stats.sem(values)
    )
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-4)


@pytest.mark.parametrize(
    "difference, direction, margin, word",
    [
        ([0.9, 1.0, 1.1], "above", 0, "found"),
        ([0.9, 1.0, 1.1], "below", 0, "not found: the opposite"),
        ([-0.9, -1.0, -1.1], "below", 0, "found"),
        ([0.9, 1.0, 1.1], "above", 2, "not found"),
        ([-3.0, 1.0, 5.0], "above", 0, "not found"),
        ([0.1, -0.1, 0.0], "within", 1, "found"),
        ([0.9, 1.0, 1.1], "within", 1, "not found"),
        ([1.0], "above", 0, "one seed says nothing"),
    ],
)
def test_a_trend_is_judged_by_its_interval(difference, direction, margin, word):
    shared = 100 * np.arange(len(difference))  # what a seed does to both arms
    values = {"a": {"m": shared + difference}, "b": {"m": shared}}
    claim = Claim("a − b", "m", {"a": 1, "b": -1}, direction, margin)
    assert claim.judge(values).word == word


def test_claims_that_cannot_be_judged_say_so():
    with pytest.raises(PretrainError, match="margin that counts as none"):
        Claim("same", "m", {"a": 1, "b": -1}, "within")
    with pytest.raises(PretrainError, match="were not run: b"):
        Claim("x", "m", {"a": 1, "b": -1}).judge({"a": {"m": np.ones(2)}})
    with pytest.raises(PretrainError, match="one finite number a seed"):
        over_seeds(np.array([1.0, np.nan]))


# -- the catalog and the command ------------------------------------------------------


@pytest.mark.parametrize("experiment", catalog().values(), ids=catalog())
@pytest.mark.parametrize("size", ["cpu", "gpu"])
def test_every_experiment_is_well_formed(experiment, size):
    """Names fit files, claims speak of arms that exist, models fit their corpora."""
    found = experiment.arms(size)
    names = [arm.name for arm in found]
    assert len(set(names)) == len(names)
    assert all(set(n) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-_") for n in names)
    for claim in experiment.claims:
        assert set(claim.contrast) <= set(names)
    for arm in found:
        assert arm.budget.length <= arm.model.context
        if experiment.name not in COMMITTED:  # those that ran did fit
            assert arm.model.vocab_size == arm.corpus().tokenizer.vocab_size
    assert experiment.seeds[size] >= 2


def test_the_command_lists_the_experiments_and_names_them_in_errors(capsys):
    assert main([]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in catalog())
    assert main(["mask-rate"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and all(name in said for name in catalog())



@pytest.mark.parametrize("name", COMMITTED)
def test_committed_results_are_whole_and_belong_to_their_experiment(name):
    """Nothing is trained: the logs of the whole grid are there, their headers fit,
    and the summary is what they give."""

    def say(line):
        pytest.fail(f"a committed log is missing: {line}")

    folder = tables.RESULTS / name
    logs = running.run(find(name), folder, workers=1, say=say)
    assert tables.summarize(find(name), logs, "cpu") == tables.read_summary(name)
    assert tables.markdown(tables.read_summary(name)) == (
        folder / "table.md"
    ).read_text(encoding="utf-8")


def test_committed_results_stay_small():
    files = [path for path in tables.RESULTS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 2_000_000


def test_a_committed_run_comes_again_from_its_header():
    """160 steps. Equal where it was made; elsewhere within the stated tolerance."""
    path = tables.RESULTS / "label-smoothing" / "smoothing-0.0.0.jsonl"
    if not path.exists():
        pytest.skip("label-smoothing has no committed results")
    assert running.again(path, find).difference <= running.TOLERANCE
