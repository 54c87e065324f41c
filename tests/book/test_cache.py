"""What runs again after an edit, on a book of two pages with a package of its own.

Each cell notes its execution in a file, so executions are counted and not inferred.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = """
title: Tiny
only_build_toc_files: true
execute:
  execute_notebooks: cache
  cache: _build/.jupyter_cache
  raise_on_error: true
sphinx:
  local_extensions: {{page_cache: {extensions}, execution_times: {extensions}}}
  config:
    page_cache_packages: [tiny]
    page_cache_pins: pins.txt
"""
TOC = """
format: jb-book
root: index
chapters: [{file: one}, {file: two}]
"""
PAGE = """---
file_format: mystnb
kernelspec: {{name: python3, display_name: Python 3}}
---
# Page {name}

Prose of {name}, which took {{execution-time}}`this page` to run.

```{{code-cell}} python
:tags: [hide-input]
import os
from tiny import {module}

with open(os.environ["EXECUTIONS"], "a") as file:
    file.write("{name} ")
print("result", {module}.value)
```
"""


class Book:
    """The tiny book, its edits and its builds."""

    def __init__(self, folder: Path, root: Path):
        self.folder = folder
        self.write("_config.yml", CONFIG.format(extensions=root / "extensions"))
        self.write("_toc.yml", TOC)
        self.write("index.md", "# Tiny\n\n```{execution-times}\n```\n")
        self.write("one.md", PAGE.format(name="one", module="alone"))
        self.write("two.md", PAGE.format(name="two", module="chained"))
        self.write("tiny/__init__.py", "")
        self.write("tiny/alone.py", "value = 'alone-1'\n")
        self.write("tiny/chained.py", "from tiny.base import value\n")
        self.write("tiny/base.py", "value = 'base-1'\n")
        self.write("tiny/widget.js", "1")
        self.write("pins.txt", "pin==1\n")

    def write(self, name: str, text: str):
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_text(text)

    def replace(self, name: str, old: str, new: str):
        text = (self.folder / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def build(self, **environment) -> list[str]:
        """Build with warnings as errors; return the pages that were executed."""
        log = self.folder / "executions"
        log.write_text("")
        before = self.stamps()
        environment = {
            "EXECUTIONS": str(log),
            "PYTHONPATH": str(self.folder),
            # an edit within the second of its compilation must not be missed
            "PYTHONDONTWRITEBYTECODE": "1",
            "PRETRAIN_BUDGET": "",
        } | environment
        command = [Path(sys.executable).parent / "jupyter-book", "build", "."]
        done = subprocess.run(
            [*command, "-W", "-n", "--keep-going"],
            cwd=self.folder,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-3000:]
        self.written = [name for name, t in self.stamps().items() if t != before[name]]
        return log.read_text().split()

    def stamps(self) -> dict[str, int]:
        """Return when each page was last written; 0 is never."""
        names = ("index", "one", "two")
        pages = {n: self.folder / f"_build/html/{n}.html" for n in names}
        return {n: p.stat().st_mtime_ns if p.exists() else 0 for n, p in pages.items()}

    def html(self, page: str) -> str:
        return (self.folder / "_build" / "html" / f"{page}.html").read_text()


@pytest.fixture(scope="module")
def book(tmp_path_factory, root) -> Book:
    book = Book(tmp_path_factory.mktemp("book"), root)
    assert book.build() == ["one", "two"]
    assert "result alone-1" in book.html("one")
    assert "result base-1" in book.html("two")
    return book


def test_nothing_but_javascript_changed_nothing_runs_and_no_page_is_written(book):
    book.write("tiny/widget.js", "2")
    assert book.build() == []
    assert book.written == []


def test_prose_and_tags_run_nothing_and_are_shown(book):
    book.replace("one.md", "Prose of one", "Other words")
    book.replace("one.md", "[hide-input]", "[remove-input]")
    assert book.build() == []
    assert book.written == ["index", "one"]  # and the page with the table of times
    assert "Other words" in book.html("one")
    assert "EXECUTIONS" not in book.html("one")
    assert "result alone-1" in book.html("one")


def test_code_runs_its_page(book):
    book.replace("one.md", '"result"', '"answer"')
    assert book.build() == ["one"]
    assert "answer alone-1" in book.html("one")


def test_the_package_runs_the_pages_that_use_it(book):
    book.write("tiny/base.py", "value = 'base-2'\n")
    assert book.build() == ["two"]
    assert "result base-2" in book.html("two")
    assert "base-1" not in book.html("two")


def test_an_edit_taken_back_shows_the_first_output_without_a_run(book):
    book.write("tiny/base.py", "value = 'base-1'\n")
    assert book.build() == []
    assert "result base-1" in book.html("two")
    assert "base-2" not in book.html("two")


def test_data_runs_the_pages_that_can_read_it(book):
    book.write("tiny/words.json", "[]")
    assert book.build() == ["one", "two"]


def test_pins_run_everything_and_so_does_the_budget(book):
    book.write("pins.txt", "pin==2\n")
    assert book.build() == ["one", "two"]
    assert book.build(PRETRAIN_BUDGET="smoke") == ["one", "two"]
