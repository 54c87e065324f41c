"""Results: read the committed ones, and write summaries of new ones.

    summary = read_summary("masking-rate")
    summary["arms"]["mask-0.15"]["accuracy"]     {"mean", "low", "high", "values"}
    summary["claims"][0]["verdict"]              "found", "not found" …

Imports no experiment, so a page that shows a table depends on nothing else.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pretrain.errors import PretrainError
from pretrain.experiments.claims import Verdict, over_seeds
from pretrain.runs import RunLog, read_log

RESULTS = Path(__file__).parent / "results"


def summarize(experiment, logs: Sequence[RunLog], size: str) -> dict:
    """Intervals over seeds for every arm and measure, and the verdicts."""
    values: dict[str, dict[str, list[float]]] = {}
    for log in logs:
        of_arm = values.setdefault(log.header["arm"], {})
        for name, value in log.records[-1]["measures"].items():
            of_arm.setdefault(name, []).append(value)
    arrays = {
        arm: {name: np.array(v) for name, v in measures.items()}
        for arm, measures in values.items()
    }
    verdicts = [claim.judge(arrays) for claim in experiment.claims]
    seconds = sum(log.records[-1]["cpu_seconds"] for log in logs)
    return {
        "experiment": experiment.name,
        "question": experiment.question,
        "published": experiment.published,
        "sources": list(experiment.sources),
        "setting": experiment.setting,
        "size": size,
        "seeds": len(logs) // len(values),
        "cpu_minutes": round(seconds / 60, 1),
        "environment": logs[0].header["environment"],
        "primary": list(experiment.primary),
        "claims": [_claim(verdict) for verdict in verdicts],
        "arms": {
            arm: {name: _cell(v) for name, v in measures.items()}
            for arm, measures in arrays.items()
        },
    }


def markdown(summary: dict) -> str:
    """The summary as a page: what was asked, expected, found, and the table."""
    lines = [
        f"# {summary['experiment']}",
        "",
        summary["question"],
        "",
        f"**Published.** {summary['published']}",
        "",
        f"**Here.** {summary['setting']} {summary['seeds']} seeds, "
        f"{summary['cpu_minutes']} CPU-minutes.",
        "",
        "| expected | measure | found (95 % interval over seeds) | verdict |",
        "|---|---|---|---|",
    ]
    for claim in summary["claims"]:
        lines.append(
            f"| {claim['says']} | {claim['measure']} | {_text(claim)} "
            f"| {claim['verdict']} |"
        )
    names = summary["primary"]
    lines += ["", "| arm | " + " | ".join(names) + " |"]
    lines.append("|---|" + "---|" * len(names))
    for arm, measures in summary["arms"].items():
        cells = [_short(measures[n]) if n in measures else "–" for n in names]
        lines.append(f"| {arm} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def write(folder: Path, summary: dict) -> None:
    """``summary.json`` and ``table.md`` beside the logs."""
    folder = Path(folder)
    text = json.dumps(summary, indent=1, ensure_ascii=False)
    (folder / "summary.json").write_text(text + "\n", encoding="utf-8")
    (folder / "table.md").write_text(markdown(summary), encoding="utf-8")


def read_summary(name: str, folder: Path = RESULTS) -> dict:
    """The committed summary of an experiment. Raises PretrainError for none."""
    path = Path(folder) / name / "summary.json"
    if not path.exists():
        there = sorted(p.parent.name for p in Path(folder).glob("*/summary.json"))
        raise PretrainError(
            f"there are no results of {name!r}; there are some of {', '.join(there)}: "
            f"run python -m pretrain.experiments {name}"
        )
    return json.loads(path.read_text(encoding="utf-8"))


def read_runs(name: str, folder: Path = RESULTS) -> list[RunLog]:
    """The committed logs of an experiment, by arm and seed."""
    read_summary(name, folder)
    return [read_log(path) for path in sorted((Path(folder) / name).glob("*.jsonl"))]


def _claim(verdict: Verdict) -> dict:
    claim, found = verdict.claim, verdict.found
    return {
        "says": claim.says,
        "measure": claim.measure,
        "contrast": dict(claim.contrast),
        "direction": claim.direction,
        "margin": claim.margin,
        "mean": _number(found.value),
        "low": _number(found.low),
        "high": _number(found.high),
        "verdict": verdict.word,
    }


def _cell(values: np.ndarray) -> dict:
    found = over_seeds(values)
    return {
        "mean": _number(found.value),
        "low": _number(found.low),
        "high": _number(found.high),
        "values": [_number(v) for v in values],
    }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(f"{value:.6g}")


def _text(cell: dict) -> str:
    if cell["low"] is None:
        return f"{cell['mean']:+.4g}"
    return f"{cell['mean']:+.4g} [{cell['low']:+.4g}, {cell['high']:+.4g}]"


def _short(cell: dict) -> str:
    if cell["low"] is None:
        return f"{cell['mean']:.4g}"
    return f"{cell['mean']:.4g} ± {(cell['high'] - cell['low']) / 2:.2g}"
