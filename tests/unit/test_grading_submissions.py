"""Finding what was handed in: exports of course systems, choices, wrecks."""

import io
import json
import zipfile

import pytest

from grading import GradingError
from grading.batch import answers, with_roster
from grading.submissions import (
    Handed,
    Submission,
    Unreadable,
    choose,
    collect,
    read_cells,
    unzip,
)


def notebook(*sources):
    cells = [{"cell_type": "code", "source": [source]} for source in sources]
    return json.dumps({"cells": cells, "nbformat": 4}).encode()


def put(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def names(found):
    return {s.student: [file.name for file in s.files] for s in found}


def test_canvas(tmp_path):
    put(tmp_path, {
        "lovelaceada_101_2001_lab.ipynb": notebook("a = 1"),
        "lovelaceada_101_2002_lab-1.ipynb": notebook("a = 2"),
        "turingalan_LATE_102_2003_my_lab_3.ipynb": notebook("a = 3"),
    })  # fmt: skip
    found = collect(tmp_path)
    assert names(found) == {
        "lovelaceada": ["lab.ipynb", "lab-1.ipynb"],
        "turingalan": ["my_lab_3.ipynb"],
    }
    assert found[0].aliases == {"lovelaceada", "101"}
    cells, name, notes = choose(found[0].files, [])
    assert name == "lab-1.ipynb" and cells[0]["source"] == "a = 2"  # the last attempt
    assert notes == ["took lab-1.ipynb of 2 files, not lab.ipynb"]


def test_moodle(tmp_path):
    put(tmp_path, {
        "Ada Lovelace_101_assignsubmission_file_/lab.ipynb": notebook("a = 1"),
        "Alan Turing_102_assignsubmission_file_/answers/lab.py": b"a = 2",
    })  # fmt: skip
    (tmp_path / "Grace Hopper_103_assignsubmission_file_").mkdir()
    assert names(collect(tmp_path)) == {
        "Ada Lovelace": ["lab.ipynb"],
        "Alan Turing": ["answers/lab.py"],
        "Grace Hopper": [],
    }


def test_gradescope(tmp_path):
    metadata = (
        "submission_1:\n  :submitters:\n  - :name: Ada Lovelace\n    :sid: '101'\n"
        "    :email: ada@example.org\n"
        "submission_2:\n  :submitters:\n  - :name: Alan Turing\n    :sid: '102'\n"
        "  - :name: Grace Hopper\n    :sid: '103'\n"
    )
    put(tmp_path, {
        "export/submission_metadata.yml": metadata.encode(),
        "export/submission_1/lab.ipynb": notebook("a = 1"),
        "export/submission_2/lab.ipynb": notebook("a = 2"),
    })  # fmt: skip
    found = collect(tmp_path)
    assert names(found) == {
        "Ada Lovelace": ["lab.ipynb"],
        "Alan Turing and Grace Hopper": ["lab.ipynb"],
    }
    assert "ada@example.org" in found[0].aliases
    (tmp_path / "export/submission_metadata.yml").write_text("[1, 2]")
    with pytest.raises(GradingError, match="export the submissions from Gradescope"):
        collect(tmp_path)


def test_a_zip_of_everything(tmp_path):
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        archive.writestr("all/ada/lab.ipynb", notebook("a = 1"))
        archive.writestr("all/alan/lab.py", "a = 2")
    (tmp_path / "all.zip").write_bytes(kept.getvalue())
    assert names(collect(tmp_path / "all.zip")) == {
        "ada": ["lab.ipynb"],
        "alan": ["lab.py"],
    }
    with pytest.raises(GradingError, match="neither a folder nor a zip"):
        collect(tmp_path / "nowhere")


def test_the_file_with_the_functions_is_taken():
    files = [
        Handed("a_report.ipynb", notebook("print(1)")),
        Handed("z.py", b"def loss(x):\n    return x\n"),
        Handed("picture.png", b"\x89PNG"),
    ]
    _, name, notes = choose(files, ["loss"])
    assert name == "z.py"
    assert notes[0].startswith("picture.png: ")
    with pytest.raises(Unreadable, match="no file was handed in"):
        choose([], ["loss"])


def test_a_notebook_keeps_its_texts():
    cells = [
        {"cell_type": "markdown", "source": "**Your answer to question 4:**\n\nYes."},
        {"cell_type": "markdown", "source": "**Your answer to question 5:**\n\n…"},
        {"cell_type": "markdown", "source": "Below, by mistake."},
        {"cell_type": "code", "source": "a = 1"},
    ]
    file = Handed("a.ipynb", json.dumps({"cells": cells}).encode())
    found = answers(read_cells(file), ["4", "5", "6"])
    assert found == {"4": "Yes.", "5": "Below, by mistake."}


def test_a_zip_of_too_many_files():
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        for number in range(2001):
            archive.writestr(f"{number}.py", "")
    (handed,) = unzip("many.zip", kept.getvalue())
    assert handed.content is None and "2001 files" in handed.why


def test_everybody_of_the_roster_has_a_row(tmp_path):
    roster = tmp_path / "roster.csv"
    roster.write_text(
        "student,id\nAda Lovelace,101\nAlan Turing,102\nGrace Hopper,103\n", "utf8"
    )
    found = [
        Submission("lovelaceada", {"lovelaceada", "9"}, [Handed("a.py", b"")]),
        Submission("hand in", {"102"}, [Handed("b.py", b"")]),
        Submission("stranger", set(), [Handed("c.py", b"")]),
    ]
    assert names(with_roster(found, roster)) == {
        "Ada Lovelace": ["a.py"],
        "Alan Turing": ["b.py"],
        "Grace Hopper": [],
        "stranger": ["c.py"],
    }
    roster.write_text("name\nAda\n")
    with pytest.raises(GradingError, match="needs a column called student"):
        with_roster(found, roster)
