"""Hostile submissions: none gains a point, none stops the batch, each row says why.

Each file in `attacks/` says in its first line what it may score and what its row must
say. All are graded in one batch, with the command, as an instructor would.
"""

import csv
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import hostile
import pytest

FOLDER = Path(__file__).parent / "attacks"
SLOW = {"memory_bomb", "memory_of_many", "stop_parent", "thread_bomb"}
SLOW |= {"giant_output", "signals_to_parent", "uninterruptible"}  # end at a limit
ATTACKS = sorted(path for path in FOLDER.glob("*.py") if path.stem not in SLOW)
LONG = sorted(path for path in FOLDER.glob("*.py") if path.stem in SLOW)
SECRET = "the hidden test"


def expected_of(path: Path) -> tuple[float, str]:
    score, said = re.match(r"# expect: (\d+); (.*)", path.read_text("utf8")).groups()
    return float(score), said


@pytest.fixture(scope="module")
def batch(tiny, tmp_path_factory, root, bubblewrap):
    """Rows by student, the folder of the output, and what is expected of wrecks."""
    place = tmp_path_factory.mktemp("attacks")
    (place / "in").mkdir()
    secret = place / "secret.ipynb"
    secret.write_text(hostile.notebook(hostile.RIGHT, f"# {SECRET}"))
    wrecks = hostile.write(place / "in", secret)
    return graded(tiny, ATTACKS, place, root), place / "out", wrecks


@pytest.fixture(scope="module")
def long_batch(tiny, tmp_path_factory, root, bubblewrap):
    place = tmp_path_factory.mktemp("attacks")
    (place / "in").mkdir()
    return graded(tiny, LONG, place, root)


def graded(tiny, attacks, place, root) -> dict[str, dict]:
    folder, output, bundle = place / "in", place / "out", place / "tiny.bundle.json"
    bundle.write_text(json.dumps(tiny))
    os.chmod(bundle, 0o600)
    for path in attacks:
        (folder / path.name).write_bytes(path.read_bytes())
    command = [sys.executable, "-m", "grading", "grade", bundle, folder]
    command += ["-o", output, "--jobs", "2", "--quiet"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    with open(output / "grades.csv", newline="") as file:
        return {row["student"].lstrip("'"): row for row in csv.DictReader(file)}


def test_there_is_a_row_for_everybody(batch):
    rows, output, wrecks = batch
    assert rows.keys() == {path.stem for path in ATTACKS} | wrecks.keys()
    assert len(list((output / "reports").glob("*.md"))) == len(rows)
    assert not [s for s, row in rows.items() if row["status"] == "error"]


@pytest.mark.parametrize("path", ATTACKS, ids=lambda path: path.stem)
def test_an_attack_gains_nothing(batch, path):
    check(batch[0][path.stem], path)


@pytest.mark.slow
@pytest.mark.parametrize("path", LONG, ids=lambda path: path.stem)
def test_a_long_attack_gains_nothing(long_batch, path):
    check(long_batch[path.stem], path)


def check(row, path):
    score, said = expected_of(path)
    assert float(row["score"]) == score, row
    assert re.search(said, row["reason"]), row


def test_wrecks_are_told_apart_and_right_work_counts(batch):
    rows, _, wrecks = batch
    for student, (score, status, said) in wrecks.items():
        row = rows[student]
        assert (float(row["score"]), row["status"]) == (score, status), row
        assert said in row["reason"], row


def test_nothing_leaks_into_rows_and_reports(batch):
    _, output, _ = batch
    table = (output / "grades.csv").read_text()
    reports = "".join(path.read_text() for path in (output / "reports").iterdir())
    assert "LEAK" not in table + reports
    assert SECRET not in table + reports
    assert "<script>" not in reports
    assert not re.search(r'(?m)(^|,)"?=', table)  # a formula in a spreadsheet
    assert not Path("/tmp/pwned").exists()
    assert not Path("/tmp/ran").exists()


def test_no_process_is_left(batch):
    def left():
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                command = (entry / "cmdline").read_bytes()
                if b"worker.py" in command and b'"memory": 700000000' in command:
                    found.append(entry.name)
            except OSError:
                continue
        return found

    for _ in range(50):
        if not left():
            break
        time.sleep(0.1)
    assert not left()
