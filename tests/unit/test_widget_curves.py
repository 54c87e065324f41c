"""The loss-curve explorer's Python: golden cases for JavaScript, runs, a live run."""

import math
from dataclasses import asdict

import numpy as np
import pytest
from widget_site import golden

from pretrain.corpora.finite import FiniteCorpus, Text
from pretrain.curves import analyze, centered, exponential, gaussian, power_law
from pretrain.curves.families import FAMILIES
from pretrain.errors import PretrainError
from pretrain.model import ModelConfig
from pretrain.objectives import Causal
from pretrain.random import Counter
from pretrain.runs import RunLog
from pretrain.training import Budget, fit
from pretrain.widgets.curve_files import CurveRun, Series, read_file
from pretrain.widgets.curves import CurveExplorer, outline, smoothed

FITTED = "power law, 5 % noise", "with a floor, 1,000 steps, 5 % noise"


def curve(family: str, seed: int):
    return FAMILIES[family].draw(Counter(seed)).loss


def findings(loss) -> dict:
    found = asdict(analyze(loss))
    return found | {"bad": found.pop("first_non_finite")}


def numbers(values, count=7) -> list[float]:
    """Some of the values, evenly spaced; None where not finite."""
    at = np.linspace(0, len(values) - 1, count).astype(int)
    return [float(v) if math.isfinite(v) else None for v in values[at]]


def test_golden():
    """Every family once; each smoothing, and the two fits, on some of them."""
    cases = []
    for seed, family in enumerate(FAMILIES):
        loss = curve(family, seed)
        smooth = {
            "exponential": numbers(exponential(loss, 1 - 1 / 50)),
            "window": numbers(centered(loss, 51)),
            "gaussian": numbers(gaussian(loss, 50)),
        }
        case = {"family": family, "seed": seed, "findings": findings(loss)}
        case |= {"smooth": smooth, "fit": None}
        if family in FITTED:
            law = power_law(loss)
            law = law.floor, law.height, law.exponent, law.predict(10 * len(loss))
            case["fit"] = [[one.value, one.low, one.high] for one in law]
        cases.append(case)
    golden("curves", cases)


def run(name, loss, **more):
    loss = np.array(loss, dtype=float)
    return CurveRun(name, {"loss": Series(np.arange(1.0, len(loss) + 1), loss)}, **more)


def test_runs_come_from_logs_paths_and_curves(tmp_path):
    log = RunLog({"name": "a", "seed": 1}, [{"step": 1, "loss": 2.0}])
    log.path = tmp_path / "log.jsonl"
    log.start()
    widget = CurveExplorer([log, tmp_path, run("b", [1.0, 2.0])])
    assert [one.name for one in widget.runs] == ["a · seed 1", "a · seed 1", "b"]
    assert widget.result()[2]["value"] == 2.0
    table = tmp_path / "table.csv"
    table.write_text("step,accuracy\n1,0.5\n")
    assert CurveExplorer(table).metric == "accuracy"
    with pytest.raises(PretrainError, match="a run is int"):
        CurveExplorer([3])


def test_units():
    one = run("a", [math.log(8)], bytes_per_token=6.0)
    values = {
        unit: CurveExplorer([one], unit=unit).result()[0]["value"]
        for unit in ("nats", "bits", "perplexity", "bpb")
    }
    # log 8 nats are 3 bits, a perplexity of 8, and half a bit for each of 6 bytes
    wanted = {"nats": math.log(8), "bits": 3.0, "perplexity": 8.0, "bpb": 0.5}
    assert values == pytest.approx(wanted, rel=1e-12)
    assert CurveExplorer([run("b", [1.0])], unit="bpb").result() == []


def test_values_reach_the_page_to_the_last_bit():
    widget = CurveExplorer([run("a", [1 / 3, math.nan, math.inf])])
    data = widget.get_state("runs")["runs"][0]["series"]["loss"]
    np.testing.assert_array_equal(
        np.frombuffer(data["value"], "<f8"), [1 / 3, math.nan, math.inf]
    )
    assert data["tokens"] is None


def test_it_follows_a_run(tmp_path):
    """Each evaluation of `fit` shows the steps so far, of every one that is logged."""
    texts = {split: [Text("a b c d e f g h")] * 20 for split in ("train", "validation")}
    corpus = FiniteCorpus("letters", texts, "words")
    config = ModelConfig(corpus.tokenizer.vocab_size, width=16, context=16)
    budget = Budget(tokens=16 * 2 * 8, rows=2, length=16, evaluations=4)
    explorer, sizes = CurveExplorer([run("before", [3.0, 2.0])]), []

    def note(change):
        sizes.append(len(change["new"][1].series["loss"].step))

    explorer.observe(note, "runs")
    follow = explorer.follow(tmp_path)
    fit(config, Causal(), corpus, budget, run_dir=tmp_path, after_evaluation=follow)
    assert sizes == [2, 4, 6, 8]
    grown = explorer.runs[1]
    assert grown.name == "now" and "eval_loss" in grown.series
    np.testing.assert_array_equal(
        grown.series["loss"].value, read_file(tmp_path)[0].series["loss"].value
    )
    alone = CurveExplorer()
    alone.follow()(None, {"step": 5, "loss": 2.5})
    assert alone.result()[0]["value"] == 2.5


def test_bad_input_is_told():
    for bad in ({"x": "epoch"}, {"unit": "dB"}, {"smoothing": "on"}, {"strength": 0.0}):
        with pytest.raises(PretrainError):
            CurveExplorer(**bad)
    few = CurveExplorer([run("a", [2.0])], fit=True).result()[0]
    assert "too few" in few["notes"][0] and "too few" in few["fit"]
    below = CurveExplorer([run("a", [-1.0] * 60)]).result()[0]
    assert "negative" in below["notes"][0]
    for runs in ([], [run("a", [2.0])], [run("a", [math.nan])]):
        widget = CurveExplorer(runs)
        assert widget.picture().startswith("<svg") and len(widget.alt()) > 30


def test_smoothing_off_is_the_curve_itself():
    values = np.array([3.0, 1.0])
    np.testing.assert_array_equal(smoothed(values, "off", 50), values)


def test_an_outline_keeps_the_spike():
    values = np.ones(10_000)
    values[1234] = 9.0
    one = Series(np.arange(10_000.0), values)
    kept = outline(one)
    assert len(kept) <= 600 and (1234.0, 9.0) in kept
