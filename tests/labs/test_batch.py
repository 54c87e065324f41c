"""A class is graded: rows, reports, resumption, points by hand; and a lab is built."""

import csv
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import hostile
import pytest

from grading import GradingError, build, report
from grading.__main__ import main
from grading.batch import grade
from grading.gradescope import gradescope
from grading.master import read_master, stub

HERE = Path(__file__).parent
WRONG = hostile.RIGHT.replace("2 * x", "3 * x")
SAID = "**Your answer to question 3:**\n\nBecause *two* was asked for."


def with_answer(code: str) -> str:
    widget = "import anywidget\n\n\nclass Shown(anywidget.AnyWidget):\n    x = 1\n\n\n"
    data = json.loads(hostile.notebook(widget + code))
    data["cells"].append({"cell_type": "markdown", "source": SAID})
    return json.dumps(data)


@pytest.fixture(scope="module")
def graded(tiny, tmp_path_factory):
    """A class of three, one of whom handed nothing in; and where things are."""
    place = tmp_path_factory.mktemp("class")
    (place / "in").mkdir()
    (place / "in" / "ada.ipynb").write_text(with_answer(hostile.RIGHT))
    (place / "in" / "bob.py").write_text(WRONG)
    (place / "roster.csv").write_text("student\nada\nbob\nzoë\n", "utf8")
    grade(tiny, place / "in", place / "out", place / "roster.csv", 2, progress=False)
    return place


def rows(place, name="out"):
    with open(place / name / "grades.csv", newline="", encoding="utf8") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_rows_and_reports(graded):
    found = rows(graded)
    assert {s: (r["status"], r["score"]) for s, r in found.items()} == {
        "ada": ("graded", "6"),
        "bob": ("graded", "3"),
        "zoë": ("missing", "0"),
    }
    assert found["ada"]["reason"] == "", "a widget in a notebook is no mistake"
    assert found["bob"]["reason"].startswith("1.1: twice 1 is 2; 1.2: twice a random")
    text = (graded / "out" / "reports" / "ada.md").read_text("utf8")
    assert "> Because \\*two\\* was asked for." in text and "2 points: says" in text
    text = (graded / "out" / "reports" / "bob.md").read_text("utf8")
    assert "check 1.1 (0 of 1): **failed:** twice 1 is 2" in text
    assert (graded / "out").stat().st_mode & 0o077 == 0


def test_results_are_the_same_again(graded, tiny):
    """In another folder, another order of jobs, everything anew."""
    grade(tiny, graded / "in", graded / "new", graded / "roster.csv", 1, progress=False)
    for path in (graded / "out").rglob("*.*"):
        if path.is_file():
            other = graded / "new" / path.relative_to(graded / "out")
            assert other.read_bytes() == path.read_bytes(), path


def test_a_batch_goes_on_where_it_was(graded, tiny, monkeypatch):
    """What was graded is not graded again; what is new or has changed is."""
    monkeypatch.setattr("grading.batch.judge", _never)
    before = (graded / "out" / "grades.csv").read_bytes()
    grade(tiny, graded / "in", graded / "out", graded / "roster.csv", progress=False)
    assert (graded / "out" / "grades.csv").read_bytes() == before
    (graded / "in" / "eve.py").write_text(hostile.RIGHT)
    try:
        found = grade(tiny, graded / "in", graded / "out", progress=False)
    finally:
        (graded / "in" / "eve.py").unlink()
    assert found["ada"]["status"] == "graded"
    assert found["eve"]["status"] == "error"
    assert "could not be graded" in found["eve"]["notes"][0]


def _never(*args):
    raise RuntimeError("graded again")


def test_points_by_hand_are_merged(graded, tiny):
    sheet = graded / "out" / "manual.csv"
    filled = sheet.read_text("utf8").replace("ada,3,,2,", 'ada,3,1.5,2,"well, said"')
    mine = graded / "filled.csv"
    mine.write_text(filled, "utf8")
    arguments = [tiny, graded / "in", graded / "out", graded / "roster.csv", 1, mine]
    grade(*arguments, progress=False)
    assert rows(graded)["ada"]["score"] == "7.5"
    text = (graded / "out" / "reports" / "ada.md").read_text("utf8")
    assert "1.5 of 2, by hand" in text and "Comment: well, said" in text
    mine.write_text(filled.replace(",1.5,", ",9,"), "utf8")
    with pytest.raises(GradingError, match=r"line 2: points are '9'.*from 0 to 2"):
        grade(*arguments, progress=False)
    mine.write_text(filled.replace("ada,", "adam,"), "utf8")
    with pytest.raises(GradingError, match="line 2: no student 'adam'"):
        grade(*arguments, progress=False)


def test_the_command_says_what_is_wrong(tmp_path, capsys, tiny):
    bundle = tmp_path / "b.json"
    assert main(["grade", str(bundle), str(tmp_path), "-o", str(tmp_path / "o")]) == 2
    bundle.write_text("{}")
    assert main(["grade", str(bundle), str(tmp_path), "-o", str(tmp_path / "o")]) == 2
    told = capsys.readouterr().err
    assert "cannot read the bundle" in told and "build it again" in told
    (tmp_path / "empty").mkdir()
    with pytest.raises(GradingError, match="no submissions"):
        grade(tiny, tmp_path / "empty", tmp_path / "o", progress=False)


def test_gradescope_gets_its_json(tiny, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "work.ipynb").write_text(hostile.notebook(WRONG))
    told = gradescope(tiny, tmp_path / "in", tmp_path / "results" / "results.json")
    assert told == json.loads((tmp_path / "results" / "results.json").read_text())
    assert told["score"] == 3
    kinds = [(t["name"], t["score"], t["visibility"]) for t in told["tests"]]
    assert kinds == [
        ("1.1", 0, "visible"),
        ("1.2", 0, "after_published"),
        ("2.1", 3, "after_published"),
    ]


def test_the_zip_for_gradescope_is_complete(built, tmp_path):
    """Unpacked somewhere else, it grades with nothing but its own files."""
    with zipfile.ZipFile(built / "tiny.gradescope.zip") as archive:
        archive.extractall(tmp_path / "source")
    (tmp_path / "submission").mkdir()
    (tmp_path / "submission" / "lab.py").write_text(hostile.RIGHT)
    run = (tmp_path / "source" / "run_autograder").read_text()
    assert "python3 -m grading gradescope bundle.json" in run
    command = [sys.executable, "-m", "grading", "gradescope", "bundle.json"]
    command += ["../submission", "../results.json"]
    subprocess.run(command, cwd=tmp_path / "source", check=True)
    told = json.loads((tmp_path / "results.json").read_text())
    assert told["score"] == 6


def test_names_are_safe_as_files_and_in_tables():
    names = ["../../etc", "a/b", "a_b", "ä", "A" * 300, "x", "..", " "]
    files = [report.file_name(name) for name in names]
    assert len(set(files)) == len(names)
    for file in files:
        assert file == os.path.basename(file) and file not in ("", ".", "..")
        assert len(file) < 100
    assert report.safe("=1+1") == "'=1+1" and report.safe("-1") == "-1"
    assert report.safe("@x") == "'@x" and report.safe("a\r\n=b") == "a =b"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build.build(HERE / "tiny.md", tmp_path_factory.mktemp("tiny"), prove=False)


def test_what_a_build_writes(built):
    student = (built / "tiny.ipynb").read_text("utf8")
    cells = ["".join(cell["source"]) for cell in json.loads(student)["cells"]]
    assert 'raise NotImplementedError("double is yours to write")' in cells[2]
    assert '"""Twice the tensor x (...), as a new tensor."""' in cells[2]
    for secret in ("SCALE * x", "a random tensor", "number that was asked", "2 points"):
        assert secret not in student
        assert secret in (built / "tiny.solution.ipynb").read_text("utf8")
    for private in ("tiny.bundle.json", "tiny.gradescope.zip"):
        assert (built / private).stat().st_mode & 0o077 == 0
    with zipfile.ZipFile(built / "tiny.gradescope.zip") as archive:
        names = set(archive.namelist())
        assert archive.read("run_autograder").startswith(b"#!/usr/bin/env bash")
    assert {"setup.sh", "run_autograder", "bundle.json"} <= names
    assert {"grading/inside/worker.py", "grading/__main__.py"} <= names
    again = build.build(HERE / "tiny.md", built.parent / "again", prove=False)
    for path in built.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes()


def edited(tmp_path, old: str, new: str) -> Path:
    text = (HERE / "tiny.md").read_text("utf8")
    assert old in text
    path = tmp_path / "tiny.md"
    path.write_text(text.replace(old, new), "utf8")
    return path


LEAKS = [
    ("# A tiny lab\n", "# A tiny lab\n\nTip: `return x.sum() / x.numel()`\n"),
    ("SCALE = 2", 'SCALE = 2\n#  x = torch.randn(50, generator = generator(seed+2))'),
    ("# A tiny lab\n", "# A tiny lab\n\n- 2 points: says that\n  two was asked for."),
]


@pytest.mark.parametrize(("old", "new"), LEAKS)
def test_the_leak_guard(tmp_path, old, new):
    with pytest.raises(GradingError, match="holds a line of a"):
        build.build(edited(tmp_path, old, new), tmp_path / "out", prove=False)


def test_a_wrong_lab_is_not_built(tmp_path):
    wrong = edited(tmp_path, "return SCALE * x", "return 3 * x + 0 * SCALE")
    with pytest.raises(GradingError, match=r"not get all points: 1\.1: twice 1 is 2"):
        build.build(wrong, tmp_path / "out")
    free = edited(tmp_path, "abs(mean(x) - x.mean()) < 1e-5", "mean is not None")
    with pytest.raises(GradingError, match=r"untouched notebook passes 2\.1"):
        build.build(free, tmp_path / "out")
    assert not (tmp_path / "out" / "tiny").exists()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (":question: 2\n", "", "needs a question"),
        ("[hidden]\n:question: 2", "[unseen]\n:question: 2", "unseen; the tags are"),
        ('"tags": ["rubric"]', '"tags": ["answer"]', "has no rubric"),
        ("[solution]", "[experiment]", "no cell has the tag solution"),
        ("  title:", "  heading:", "needs lab: with name and title"),
        ("def double(x):", "def double(x:", "cell 3"),
    ],
)
def test_mistakes_of_a_master_are_told(tmp_path, old, new, told):
    with pytest.raises(GradingError, match=told):
        read_master(edited(tmp_path, old, new))


def test_stubs_keep_what_a_student_needs():
    marked = "def f(x):\n    y = 1\n    ### BEGIN SOLUTION\n    z\n    ### END SOLUTION"
    assert stub(marked).split("\n")[-1] == "    raise NotImplementedError"
    source = 'class A:\n    """A."""\n\n    def f(self):\n        """F."""\n'
    source += "        return 1"
    assert 'raise NotImplementedError("f is yours to write")' in stub(source)
    assert '"""F."""' in stub(source) and "return 1" not in stub(source)
