"""A small site with every widget in it, and a browser that reaches nothing else.

Each `test_widgets_NAME.py` has a function `demo()` that returns the widgets of its
page, NAME.html. All pages are built at once by the book's own machinery: its settings,
theme and extensions. Widgets are shown as a notebook saves them, so that no kernel is
needed; one page, `executed.html`, is run by a kernel.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from playwright.sync_api import sync_playwright
from tabs import FLAGS, PATIENCE, Tabs, served

HERE = Path(__file__).parent / "browser"
SIZES = {"phone": (360, 740), "desktop": (1280, 900)}
MOUNTED = """() => [...document.querySelectorAll('.pw-host')]
  .every(host => 'ready' in host.dataset)"""
EXECUTED = """---
file_format: mystnb
kernelspec:
  name: python3
  display_name: Python 3
---
# Executed

```{code-cell} python
from pretrain.widgets.masking import MaskingExplorer

MaskingExplorer(rate=0.5, seed=3)
```
"""


def golden(name: str, made: list | None = None) -> list:
    """Return the cases in `golden/NAME.json`: what Python computed, for JavaScript.

    With `made`, the cases as Python computes them now, they must be the same; with
    REMAKE_GOLDEN=1 in the environment they are written instead.
    """
    path = HERE.parent / "golden" / f"{name}.json"
    if made is not None:
        made = json.loads(json.dumps(made))
        if os.environ.get("REMAKE_GOLDEN"):
            lines = ",\n".join(json.dumps(case, ensure_ascii=True) for case in made)
            path.write_text(f"[\n{lines}\n]\n", "utf8")
        assert json.loads(path.read_text("utf8")) == made
    return json.loads(path.read_text("utf8"))


def demos() -> dict:
    """Return, by page, the function that makes the page's widgets."""
    found = {}
    for path in sorted(HERE.glob("test_widgets_*.py")):
        spec = importlib.util.spec_from_file_location(f"demo_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if hasattr(module, "demo"):
            found[path.stem.removeprefix("test_widgets_")] = module.demo
    return found


def notebook(name: str, widgets: list) -> nbformat.NotebookNode:
    """Return a notebook whose cells have shown the widgets, as Jupyter saves it."""
    cells = [nbformat.v4.new_markdown_cell(f"# {name}\n\nSome text above it.")]
    for widget in widgets:
        data, metadata = widget._repr_mimebundle_()
        shown = nbformat.v4.new_output("display_data", data=data, metadata=metadata)
        cell = nbformat.v4.new_code_cell("widget", outputs=[shown], execution_count=1)
        cells += [cell, nbformat.v4.new_markdown_cell("Some text below it.")]
    state = widgets[0].get_manager_state()
    mime = "application/vnd.jupyter.widget-state+json"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "widgets": {mime: state}}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def write_project(folder: Path, root: Path) -> None:
    """Write a book of the demos' pages with the settings of the real one."""
    for name in ("extensions", "_static", "pretrain", "references.bib", "images"):
        (folder / name).symlink_to(root / name)
    config = yaml.safe_load((root / "_config.yml").read_text("utf8"))
    config["execute"]["execute_notebooks"] = "auto"  # what has outputs is not run
    del config["sphinx"]["local_extensions"]["notebooks"]  # it builds the wheel
    config["sphinx"]["config"]["extensions"].remove("notebooks")
    del config["sphinx"]["config"]["publication_branch"]  # its setting
    del config["sphinx"]["config"]["kernel_preload"]  # one page is run
    (folder / "_config.yml").write_text(yaml.safe_dump(config), "utf8")
    (folder / "index.md").write_text("# Widgets\n", "utf8")
    (folder / "executed.md").write_text(EXECUTED, "utf8")
    names = ["executed"]
    for name, make in demos().items():
        nbformat.write(notebook(name, make()), folder / f"{name}.ipynb")
        names.append(name)
    chapters = [{"file": name} for name in names]
    toc = {"format": "jb-book", "root": "index", "chapters": chapters}
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc), "utf8")


@pytest.fixture(scope="session")
def widget_site(root, tmp_path_factory) -> Path:
    """Build the site of all widgets and return the folder of its HTML."""
    folder = tmp_path_factory.mktemp("widgets")
    write_project(folder, root)
    command = [Path(sys.executable).parent / "jupyter-book", "build", ".", "-W", "-n"]
    build = subprocess.run(
        [*command, "--keep-going"],
        cwd=folder,
        env=os.environ | {"PRETRAIN_BUDGET": "smoke"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if build.returncode:
        told = [line for line in build.stdout.splitlines() if "WARNING" in line]
        text = "\n".join(told) or build.stdout
        pytest.fail(f"the widgets' site does not build:\n{text}", pytrace=False)
    return folder / "_build" / "html"


def settle(page) -> None:
    """Wait until the widgets have drawn what was asked of them: two frames."""
    page.evaluate(
        "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )


@pytest.fixture(scope="session")
def widget_server(widget_site):
    with served(widget_site) as address:
        yield address


@pytest.fixture(scope="module")
def chrome(chromium):
    # of a module, not of the session: two of them cannot live in one thread
    with sync_playwright() as tools:
        browser = tools.chromium.launch(
            executable_path=chromium, args=FLAGS, timeout=PATIENCE
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def tabs(chrome) -> Tabs:
    return Tabs(chrome)


@pytest.fixture
def open_page(tabs, widget_site, widget_server):
    """Return a function that opens a page of the site with its widgets mounted.

    Whatever the page asks outside of the site, and every error, fails the test.
    """
    heard = []

    def opened(name, size="desktop", theme="light", files=False, scripts=True, **more):
        base = widget_site.as_uri() + "/" if files else widget_server
        settings = {"color_scheme": theme, "java_script_enabled": scripts, **more}
        page, wrong = tabs.open(base, f"{name}.html", SIZES[size], **settings)
        heard.append(wrong)
        if scripts:
            page.wait_for_function(MOUNTED)
        return page

    yield opened
    tabs.rest()
    wrong = sum(heard, [])
    assert not wrong, wrong
