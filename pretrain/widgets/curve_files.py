"""Loss curves from files: what other tools write, as one kind of run.

    log.jsonl             this package's JSON lines, with their header
    *.csv                 a header and numbers; TensorBoard's and W&B's exports too
    events.out.tfevents…  TensorBoard: records with checksums around protocol buffers
    trainer_state.json    Hugging Face's Trainer

Everything becomes rows of named numbers first, then one curve a name. The columns that
tell where a value was taken (step, tokens, seconds, FLOPs) are known by the names that
the tools give them, the training loss is "loss" whatever it was called, the held-out
one "eval_loss". Curves are sorted by step; of several values at one step, which a
restart leaves, the last one counts. NaN and infinities stay.

`curves.js` holds the same readers, for files that are dropped on a page; golden files
keep the answers and the error sentences of both alike.
"""

import csv
import io
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pretrain.errors import PretrainError
from pretrain.runs import FORMAT, RunLog
from pretrain.widgets.event_files import event_rows, is_event_file

PLACES = {  # where a value was taken: what it is called, in lower case
    "step": "step global_step _step iteration iter train/global_step "
    "trainer/global_step steps".split(),
    "tokens": "tokens num_input_tokens_seen train/num_input_tokens_seen".split(),
    "seconds": ["seconds", "elapsed", "_runtime", "relative time (process)"],
    "wall": ["wall time", "wall_time", "_timestamp", "timestamp"],
    "flops": ["flops"],
}
_PLACE = {name: place for place, names in PLACES.items() for name in names}
NOT_CURVES = {"epoch", "scored", "total_flos", "train/epoch"}
LOSS = set("loss train_loss training_loss loss_train train_loss_step".split())
EVAL_LOSS = set(
    "eval_loss val_loss valid_loss validation_loss test_loss loss_eval loss_val "
    "loss_valid loss_validation loss_test".split()
)
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
SPECIAL = re.compile(r"[+-]?(?:nan|inf|infinity)", re.ASCII | re.IGNORECASE)
GENERAL = re.compile(r"(log\.jsonl|trainer_state\.json|events\.out\.tfevents.*)$")
UNKNOWN = (
    "is no run that can be read: give JSON lines, CSV, a TensorBoard event file or "
    "trainer_state.json."
)


@dataclass(frozen=True, eq=False)
class Series:
    """One curve: ``value`` (n,) at ``step`` (n,), which increases; float64.

    ``tokens``, ``seconds``, ``flops``: (n,) or None where they are not known.
    """

    step: np.ndarray
    value: np.ndarray
    tokens: np.ndarray | None = None
    seconds: np.ndarray | None = None
    flops: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class CurveRun:
    """A run's curves by name, such as "loss" and "eval_loss".

    ``group``: runs of one group are seeds of the same experiment. ``floor``: entropy of
    the text in nats a token. ``bytes_per_token``: of the text, for bits per byte.
    """

    name: str
    series: dict[str, Series]
    group: str | None = None
    floor: float | None = None
    bytes_per_token: float | None = None


def read_file(path: str | Path) -> list[CurveRun]:
    """Read a run's file, or the log.jsonl of its folder.

    Raises PretrainError when it cannot be read; the sentence says why.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "log.jsonl"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PretrainError(f"there is no run at {path} ({error.strerror})") from error
    return read_runs("/".join(path.resolve().parts[-2:]), data)


def read_runs(name: str, data: bytes) -> list[CurveRun]:
    """Read the runs in a file's bytes; ``name`` is its name, or the end of its path.

    Raises PretrainError, in one sentence, for an empty, damaged or unknown file.
    """
    file = name.replace("\\", "/").split("/")[-1]
    if not data.strip():
        raise PretrainError(f"{file} is empty: there is no curve in it.")
    if "tfevents" in file or is_event_file(data):
        return [assemble(label(name), event_rows(file, data))]
    if b"\0" in data:
        raise PretrainError(f"{file} {UNKNOWN}")
    text = data.decode("utf-8-sig", "replace")
    if text.lstrip().startswith("{"):
        return [read_json(name, file, text)]
    return read_csv(name, file, text)


def label(name: str) -> str:
    """A run's name: its file's, or its folder's where every run's file is called so."""
    parts = name.replace("\\", "/").split("/")
    if GENERAL.match(parts[-1]) and len(parts) > 1:
        return parts[-2]
    return re.sub(r"(?i)\.(csv|tsv|jsonl?|txt)$", "", parts[-1])


def from_log(log: RunLog, name: str = "", **known) -> CurveRun:
    """The curves of a run log. ``known``: ``floor``, ``bytes_per_token``, ``group``."""
    own, seed = str(log.header.get("name") or ""), log.header.get("seed")
    full = f"{own} · seed {seed}" if own and seed is not None else own
    size = log.header.get("parameters")
    known.setdefault("group", own or None)
    made = assemble(name or full or "run", log.records, per_token=6 * (size or 0))
    return CurveRun(made.name, made.series, **known)


def assemble(name: str, rows: list[dict], per_token=0.0, per_step=0.0) -> CurveRun:
    """Curves from rows of named values; FLOPs a token or a step where they are known.

    Raises PretrainError when there is no number to draw.
    """
    keys = dict.fromkeys(key for row in rows for key in row)
    place = {key: _PLACE[key.lower()] for key in keys if key.lower() in _PLACE}
    curves = [key for key in keys if key not in place and key not in NOT_CURVES]
    names = metric_names(curves)
    found: dict[str, dict[float, dict]] = {}
    first = math.nan
    for number, row in enumerate(rows, 1):
        where = {}
        for key, value in row.items():
            if key in place and (x := as_number(value)) is not None:
                where.setdefault(place[key], x)
        if "wall" in where:
            first = where["wall"] if math.isnan(first) else first
            where.setdefault("seconds", where["wall"] - first)
        step = where.get("step", float(number))
        if not math.isfinite(step):
            continue
        if per_token and "tokens" in where:
            where.setdefault("flops", per_token * where["tokens"])
        if per_step:
            where.setdefault("flops", per_step * step)
        for key in row:
            if key in names and (value := as_number(row[key])) is not None:
                found.setdefault(names[key], {})[step] = where | {"value": value}
    if not found:
        raise PretrainError(f"{name} holds no numbers to draw against a step.")
    return CurveRun(name, {key: as_series(points) for key, points in found.items()})


def as_series(points: dict[float, dict]) -> Series:
    steps = sorted(points)

    def column(key):
        if all(key in points[step] for step in steps):
            return np.array([points[step][key] for step in steps], dtype=np.float64)

    others = {key: column(key) for key in ("tokens", "seconds", "flops")}
    return Series(np.array(steps, dtype=np.float64), column("value"), **others)


def metric_names(keys: list[str]) -> dict[str, str]:
    """What each column is called here; two columns never get the same name."""
    names = {key: key for key in keys if key in ("loss", "eval_loss")}
    taken = set(names.values())
    for key in keys:
        plain = re.sub(r"[/ .]", "_", key.lower())
        known = "loss" if plain in LOSS else "eval_loss" if plain in EVAL_LOSS else key
        if key not in names:
            names[key] = key if known in taken else known
            taken.add(names[key])
    return names


def as_number(value) -> float | None:
    """A number, also as text ("NaN", "-Infinity", "1e-3"); None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    text = value.strip() if isinstance(value, str) else ""
    if NUMBER.fullmatch(text) or SPECIAL.fullmatch(text):
        return float(text)
    return None


def read_json(name: str, file: str, text: str) -> CurveRun:
    """trainer_state.json, or JSON lines with or without this package's header."""
    try:
        whole = json.loads(text)
    except ValueError:
        whole = None
    if isinstance(whole, dict) and isinstance(whole.get("log_history"), list):
        rows = [row for row in whole["log_history"] if isinstance(row, dict)]
        flops, steps = whole.get("total_flos"), whole.get("global_step")
        per_step = flops / steps if flops and steps else 0.0
        return assemble(label(name), rows, per_step=per_step)
    lines = [line for line in text.splitlines() if line.strip()]
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            if number == len(lines) > 1:
                break  # the line that a kill cut short
            raise PretrainError(f"line {number} of {file} is not valid JSON.")
        rows.append(row)
    if rows[0].get("format") == FORMAT:
        called = "" if rows[0].get("name") else label(name)
        return from_log(RunLog(rows[0], rows[1:]), called)
    return assemble(label(name), rows)


def read_csv(name: str, file: str, text: str) -> list[CurveRun]:
    """A table with a header; W&B's export holds several runs, as "run - metric"."""
    head = text.split("\n", 1)[0]
    mark = max(",;\t", key=head.count)
    try:
        table = list(csv.reader(io.StringIO(text), delimiter=mark, strict=True))
    except csv.Error as error:
        raise PretrainError(f"{file} {UNKNOWN}") from error
    table = [row for row in table if any(cell.strip() for cell in row)]
    header = [cell.strip() for cell in table[0]]
    if all(as_number(cell) is not None for cell in header) and len(header) <= 2:
        table.insert(0, header := ["step", "loss"][-len(header) :])
    if len(table) < 2 or any(as_number(cell) is not None for cell in header):
        raise PretrainError(f"{file} {UNKNOWN}")
    rows = numbers(file, header, table[1:])
    lower = [cell.lower() for cell in header]
    if lower == ["wall time", "step", "value"]:  # TensorBoard's
        told = re.match(r"(?:run-)?(.*?)-?tag-(.*)", label(name))
        called, tag = told.groups() if told else (label(name), "value")
        rows = [
            {tag if key == header[2] else key: value for key, value in row.items()}
            for row in rows
        ]
        return [assemble(called or label(name), rows)]
    if lower[0] in _PLACE and any(" - " in cell for cell in header):
        return weights_and_biases(header, rows)
    return [assemble(label(name), rows)]


def numbers(file: str, header: list[str], table: list[list[str]]) -> list[dict]:
    """Rows of numbers; columns that begin with a word are left out."""
    words: dict[str, bool] = {}
    rows = []
    for number, cells in enumerate(table, 2):
        if len(cells) != len(header):
            raise PretrainError(
                f"line {number} of {file} has {len(cells)} fields where the header "
                f"has {len(header)}."
            )
        row = {}
        for key, cell in zip(header, cells, strict=True):
            if not cell.strip():
                continue
            value = as_number(cell)
            if words.setdefault(key, value is None):
                continue
            if value is None:
                raise PretrainError(
                    f'line {number} of {file}: "{cell.strip()[:20]}" in the column '
                    f"{key} is not a number."
                )
            row[key] = value
        rows.append(row)
    return rows


def weights_and_biases(header: list[str], rows: list[dict]) -> list[CurveRun]:
    """Runs from columns "run - metric"; the least and most of a bin are left out."""
    runs: dict[str, dict[str, str]] = {}
    for key in header[1:]:
        run, found, metric = key.rpartition(" - ")
        if found and metric.lower() not in _PLACE and not metric.startswith("_"):
            if not metric.endswith(("__MIN", "__MAX")):
                runs.setdefault(run, {})[key] = metric
    made = []
    for run, columns in runs.items():
        own = [
            {columns.get(key, key): row[key] for key in row
             if key == header[0] or key in columns}
            for row in rows
        ]
        made.append(assemble(run, [row for row in own if len(row) > 1]))
    if not made:
        raise PretrainError(f"{header[0]} stands alone: there is no curve beside it.")
    return made
