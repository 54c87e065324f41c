"""Each lab: its notebooks, and its tests on right and wrong solutions.

`variants/LAB/` holds solutions that are wrong in a plausible way and others that are
right in a way of their own. The hidden tests must tell them apart; and at least half of
the wrong ones must get past the visible checks, or else hidden tests would be needless.
"""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import local
import pytest

from grading import build
from grading.master import read_master

HERE = Path(__file__).parent
MASTERS = sorted((HERE.parent.parent / "labs").glob("lab*.md"))
SLOW = pytest.mark.slow
# The short form is a part of `make test`, the whole one of `make test-all`.
each_seed = pytest.mark.parametrize(
    "seed", [0, pytest.param(7, marks=SLOW), pytest.param(1234, marks=SLOW)]
)
SHORT_FORM = "lab03-masking", "lab09-assistant-only-loss"


def variants(kind: str):
    found = sorted((HERE / "variants").glob(f"*/{kind}_*.py"))
    return [pytest.param(p, id=f"{p.parent.name}-{p.stem}") for p in found]


@functools.cache
def bundle_of(lab: str, seed: int = 0) -> dict:
    return build.bundle(read_master(HERE.parent.parent / f"labs/{lab}.md"), seed)


@functools.cache
def verdicts(path: Path, seed: int = 0) -> tuple:
    """The verdicts on one variant, which several tests ask for."""
    bundle = bundle_of(path.parent.name, seed)
    return tuple(local.verdicts(bundle, path.read_text("utf8")))


def each_master(test):
    return pytest.mark.parametrize("master", MASTERS, ids=lambda path: path.stem)(test)


def some_masters(test):
    """Like `each_master`, with a few of them in the short form."""
    parameters = [
        pytest.param(m, id=m.stem, marks=() if m.stem in SHORT_FORM else SLOW)
        for m in MASTERS
    ]
    return pytest.mark.parametrize("master", parameters)(test)


@each_master
def test_the_published_notebook_is_its_master(master):
    lab = read_master(master)
    published = master.parent / "colab" / f"{lab.name}.ipynb"
    assert lab.name == master.stem
    student = build.student_notebook(lab)
    build.guard(lab, student)
    assert published.read_text("utf8") == student, (
        f"run: python -m grading build {master} --notebooks labs/colab"
    )


@each_seed
@each_master
def test_the_solution_passes_with_every_seed(master, seed):
    told = local.verdicts(bundle_of(master.stem, seed), "")
    assert not [message for _, message in told if message]


@each_master
def test_there_are_enough_variants(master):
    folder = HERE / "variants" / master.stem
    assert len(list(folder.glob("wrong_*.py"))) >= 6
    assert len(list(folder.glob("right_*.py"))) >= 3


@each_master
def test_half_of_the_wrong_pass_the_visible_checks(master):
    wrong = list((HERE / "variants" / master.stem).glob("wrong_*.py"))
    unseen = []
    for path in wrong:
        told = verdicts(path)
        if not any(message for test, message in told if not test["hidden"]):
            unseen.append(path.stem)
    assert len(unseen) >= len(wrong) / 2, unseen


@each_seed
@pytest.mark.parametrize("path", variants("wrong"))
def test_a_wrong_solution_loses_points(path, seed):
    assert any(message for _, message in verdicts(path, seed))


@each_seed
@pytest.mark.parametrize("path", variants("right"))
def test_a_right_solution_passes(path, seed):
    told = verdicts(path, seed)
    assert not [(t["question"], message) for t, message in told if message]


@each_master
def test_every_test_kills_something(master):
    """No hidden test is idle: for each there is a wrong solution that it fails."""
    bundle = bundle_of(master.stem)
    idle = {(t["question"], t["number"]) for t in bundle["tests"] if t["hidden"]}
    for path in (HERE / "variants" / master.stem).glob("wrong_*.py"):
        for test, message in verdicts(path):
            if message:
                idle.discard((test["question"], test["number"]))
    assert not idle


@each_master
def test_masters_say_what_a_student_wants_to_know(master):
    lab = read_master(master)
    text = "\n".join(cell.source for cell in lab.cells if cell.kind == "text")
    for needed in ("**Goal:**", "minutes", "chapter", "## For the keen"):
        assert needed in text, needed
    assert lab.of("experiment"), "a lab trains something"
    assert lab.of("answer"), "a lab asks for an answer in words"
    docstrings = [line for c in lab.of("solution") for line in c.source.split("\n")]
    assert any("Returns" in line for line in docstrings)
    for cell in lab.of("check"):
        assert "assert" in cell.source and '"' in cell.source


def run(text: str, folder: Path) -> list:
    """What goes wrong in the cells of a notebook, executed from top to bottom."""
    path = folder / "lab.ipynb"
    path.write_text(text, "utf8")
    environment = os.environ | {"PRETRAIN_BUDGET": "smoke", "TQDM_DISABLE": "1"}
    command = [sys.executable, HERE / "run_notebook.py", path]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().split("\n")[-1])


@some_masters
def test_the_solved_notebook_runs(master, tmp_path):
    assert run(build.solution_notebook(read_master(master)), tmp_path) == []


@some_masters
def test_the_untouched_notebook_says_what_to_write(master, tmp_path):
    """Checks fail because a function is not written yet, and nothing else does."""
    lab = read_master(master)
    text = build.student_notebook(lab)
    cells = json.loads(text)["cells"]
    wrong = run(text, tmp_path)
    for number, kind, message in wrong:
        source = "".join(cells[number]["source"])
        unwritten = kind == "NotImplementedError" and "is yours to write" in message
        follows = kind == "NameError" and "experiment" not in source
        assert unwritten or follows, (number, kind, message)
    failed = {number for number, *_ in wrong}
    checks = {
        number
        for number, cell in enumerate(cells)
        if "check" in "".join(cell["source"]).split("\n")[-1]
        and "".join(cell["source"]).split("\n")[-1].startswith("print(")
    }
    assert len(checks) == len(lab.of("check")) and checks <= failed


@SLOW
@each_master
def test_the_build_proves_the_lab(master, tmp_path):
    """With the sandbox: the solution gets all points, the untouched notebook none."""
    assert (build.build(master, tmp_path) / f"{master.stem}.ipynb").is_file()
