"""Which files a page's cells depend on, read from their imports."""

from pathlib import Path

import pytest
from book_extension import load

page_key = load("page_key")
PACKAGES = ("tiny",)


@pytest.fixture
def package(tmp_path) -> Path:
    """A package with an import chain, a subpackage, data and JavaScript."""
    files = {
        "tiny/__init__.py": "",
        "tiny/top.py": "from .sub import leaf\n",
        "tiny/late.py": "def f():\n    from tiny import top\n",
        "tiny/alone.py": "import os\n",
        "tiny/loop.py": "from tiny import pool\n",
        "tiny/pool.py": "from tiny import loop\n",
        "tiny/widget.js": "1",
        "tiny/sub/__init__.py": "from .inside import value\n",
        "tiny/sub/inside.py": "value = 1\n",
        "tiny/sub/leaf.py": "",
        "tiny/sub/words.json": "[]",
        "tiny/sub/more/names.txt": "a",
        "pins.txt": "a==1  # why\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


SUB = {"sub/__init__.py", "sub/inside.py", "sub/words.json", "sub/more/names.txt"}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import os, numpy.linalg", set()),
        ("import tiny", {"__init__.py"}),
        ("import tiny.alone as a", {"__init__.py", "alone.py"}),
        ("from tiny import alone", {"__init__.py", "alone.py"}),
        ("from tiny.alone import anything", {"__init__.py", "alone.py"}),
        ("from tiny import top", {"__init__.py", "top.py", "sub/leaf.py"} | SUB),
        (
            "from tiny.late import f",
            {"__init__.py", "late.py", "top.py", "sub/leaf.py"} | SUB,
        ),
        ("from tiny.sub.inside import value", {"__init__.py"} | SUB),
        ("import tiny.loop", {"__init__.py", "loop.py", "pool.py"}),
        ("%matplotlib inline\nimport tiny.alone", {"__init__.py", "alone.py"}),
    ],
)
def test_what_a_cell_depends_on(package, code, expected):
    names = frozenset(page_key.imports(code, PACKAGES))
    files = page_key.dependencies(names, PACKAGES, package)
    assert {path.relative_to(package / "tiny").as_posix() for path in files} == expected


@pytest.mark.parametrize(
    "code", ["!python -m tiny --help", "not a cell (", 'run(["-m", "tiny"])']
)
def test_a_cell_that_tells_no_imports_depends_on_all(package, code):
    names = frozenset(page_key.imports(code, PACKAGES))
    files = page_key.dependencies(names, PACKAGES, package)
    every = {path for path in (package / "tiny").rglob("*") if path.is_file()}
    assert files == every - {package / "tiny" / "widget.js"}


@pytest.mark.parametrize(
    ("edit", "changes"),
    [
        (("tiny/sub/inside.py", "value = 2\n"), True),
        (("tiny/sub/words.json", "[1]"), True),
        (("pins.txt", "a==2\n"), True),
        (("pins.txt", "# a comment\na==1\n"), False),
        (("tiny/widget.js", "2"), False),
        (("tiny/alone.py", "import sys\n"), False),
    ],
)
def test_the_key_moves_with_what_the_page_uses(package, edit, changes):
    def key():
        names = frozenset({"tiny.top"})
        return page_key.page_key(names, PACKAGES, package, package / "pins.txt")

    before = key()
    assert key() == before
    (package / edit[0]).write_text(edit[1])
    assert (key() != before) is changes


def test_the_key_moves_with_the_budget(package, monkeypatch):
    def key():
        return page_key.page_key(frozenset(), PACKAGES, package, package / "pins.txt")

    monkeypatch.setenv("PRETRAIN_BUDGET", "smoke")
    smoke = key()
    monkeypatch.delenv("PRETRAIN_BUDGET")
    assert key() != smoke


def test_the_books_own_style_is_found(root):
    names = frozenset(page_key.imports("from pretrain.style import css", ("pretrain",)))
    files = page_key.dependencies(names, ("pretrain",), root)
    assert root / "pretrain" / "style.py" in files
