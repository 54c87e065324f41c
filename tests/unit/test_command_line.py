"""``python -m pretrain``: every objective by name, with its options."""

import json

import pytest

from pretrain import checkpoints, objectives
from pretrain.__main__ import main, options
from pretrain.choices import CHOICES, choose
from pretrain.encoder_decoder import EncoderDecoder
from pretrain.objectives import Masked, SpanCorruption
from pretrain.objectives.regularized import Regularized

SIZE = "--rows 4 --length 48 --width 16 --depth 1 --heads 2".split()
# What the command line cannot train: these start from a trained model.
FROM_A_MODEL = {"DPO", "PolicyGradient", "WithReference", "Objective"}


@pytest.fixture(autouse=True)
def smoke(monkeypatch):
    monkeypatch.setenv("PRETRAIN_BUDGET", "smoke")


def test_every_objective_has_a_name():
    made = {type(choose(name, {})).__name__ for name in CHOICES}
    assert made == set(objectives.__all__) - FROM_A_MODEL


def test_every_option_belongs_to_an_objective():
    offered = {o for c in CHOICES.values() for o in (*c.options, *c.sizes)}
    assert set(options()) == offered | {"smoothing", "z", "chunk"}


OPTIONS = {
    "masked": "--rate 0.2 --whole-words",
    "prefix": "--share 0.5",
    "denoising": "--rate 0.2 --delete 0.1 --no-permute --rotate",
    "fim": "--rate 0.9 --spm 0",
    "multi-token": "--horizons 2 --further 0.5",
    "chat": "--score all",
    "sop": "--rate 0.3 --pair-weight 2",
    "replaced": "--variant replace_mlm --generator-share 0.25 --rate 0.3",
}


@pytest.mark.parametrize("name", CHOICES)
def test_trains_and_comes_back(name, tmp_path, capsys):
    out = tmp_path / "run"
    further = OPTIONS.get(name, "").split()
    command = ["--objective", name, "--out", str(out), *SIZE, *further]
    assert main(command) == 0, capsys.readouterr().err
    assert f"{name} on" in capsys.readouterr().out
    header, *records = (out / "log.jsonl").read_text("utf-8").splitlines()
    assert len(records) == 4
    kind = json.loads(header)["objective_class"]
    assert kind == type(choose(name, {})).__name__
    model = checkpoints.load_model(out)
    assert json.loads(header)["parameters"] == model.parameter_count


@pytest.mark.parametrize("name", ["span", "mixture", "denoising"])
def test_two_stacks(name, tmp_path, capsys):
    out = str(tmp_path)
    command = ["--objective", name, "--form", "encoder-decoder", "--out", out, *SIZE]
    assert main(command) == 0, capsys.readouterr().err
    assert isinstance(checkpoints.load_model(out), EncoderDecoder)


def test_long_rows_and_their_answers_fit_the_model(capsys):
    size = "--rows 1 --length 400 --width 8 --depth 1 --heads 1".split()
    size += ["--packing", "concat", "--objective", "denoising", "--delete", "0.05"]
    assert main(size) == 0, capsys.readouterr().err


def test_options_reach_the_objective():
    made = choose("span", {"rate": 0.3, "mean_span": 5.0, "sentinels": 9})
    assert made == SpanCorruption(0.3, 5.0, 9)
    made = choose("masked", {"rate": 0.4, "smoothing": 0.1})
    assert made == Regularized(Masked(0.4), smoothing=0.1)


def test_help_names_every_objective_and_option(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    told = capsys.readouterr().out
    assert left.value.code == 0
    assert all(name in told for name in CHOICES)
    assert all(f"--{name.replace('_', '-')}" in told for name in options())


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("--objective causal --mean-span 3", "no option of causal: leave it out, or"),
        ("--objective span --rate 1.5", "rate is 1.5"),
        ("--objective chat --corpus hmm", "holds no conversations"),
        ("--objective clip --corpus microworld", "no scenes to draw"),
        ("--objective nsp --smoothing 0.1", "Pairs"),
        ("--objective replaced --generator-share 2", "share of the width is 2"),
        ("--objective nsp --rows 3", "give an even number"),
    ],
)
def test_errors_are_one_sentence(command, said, capsys):
    assert main([*SIZE, *command.split()]) == 2
    error = capsys.readouterr().err.split("\r")[-1]  # after a bar of progress
    assert error.startswith("error: ") and said in error
    assert error.count("\n") == 1
