"""Kernels forked from a process that has imported what the pages share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="kernels are forked on Linux alone"
)

CONFIG = """
title: Tiny
only_build_toc_files: true
execute: {{execute_notebooks: force, raise_on_error: true}}
sphinx:
  local_extensions: {{warm_kernels: {extensions}}}
  config: {{kernel_preload: [heavy, no_such_module]}}
"""
TOC = "format: jb-book\nroot: index\nchapters: [{file: one}, {file: two}]\n"
PAGE = """---
file_format: mystnb
kernelspec: {{name: python3, display_name: Python 3}}
---
# A page

```{{code-cell}} python
{code}
```
"""
HEAVY = """
import os
with open(os.environ["IMPORTS"], "a") as file:
    file.write("imported ")
state = []
"""
CHANGE = "import heavy\nheavy.state.append(1)\nmine = 1\nprint('state', heavy.state)"
LOOK = (
    "import heavy, os, sys\n"
    "print('state', heavy.state, 'mine' in globals(), 'IMPORTS' in os.environ)\n"
    "print('main', sys.modules['__main__'].__dict__ is globals())\n"
    "print('at', os.getcwd(), any('extensions' in path for path in sys.path))"
)


def build(folder: Path, root: Path, one: str, two: str):
    """Build a book of two pages, each of one cell; return the finished process."""
    (folder / "_config.yml").write_text(CONFIG.format(extensions=root / "extensions"))
    (folder / "_toc.yml").write_text(TOC)
    (folder / "index.md").write_text("# Tiny\n")
    (folder / "heavy.py").write_text(HEAVY)
    for name, code in {"one": one, "two": two}.items():
        (folder / f"{name}.md").write_text(PAGE.format(code=code))
    environment = {
        "IMPORTS": str(folder / "imports"),
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [Path(sys.executable).parent / "jupyter-book", "build", ".", "-W", "-n"],
        cwd=folder,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_page_has_the_module_and_nothing_of_another_page(tmp_path, root):
    done = build(tmp_path, root, CHANGE, LOOK)
    assert done.returncode == 0, done.stdout[-3000:]
    assert (tmp_path / "imports").read_text().split() == ["imported"]
    html = (tmp_path / "_build/html/one.html").read_text()
    assert "state [1]" in html
    html = (tmp_path / "_build/html/two.html").read_text()
    assert "state [] False True" in html
    assert "main True" in html
    assert f"at {tmp_path} False" in html


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import os; os._exit(3)", "Kernel died"),
        ("import os; os.kill(os.getppid(), 9)", "has ended"),
    ],
    ids=["a dead kernel", "a dead parent"],
)
def test_what_goes_wrong_is_told(tmp_path, root, code, told):
    done = build(tmp_path, root, code, "1 + 1")
    assert done.returncode != 0
    assert told in done.stdout, done.stdout[-3000:]
