"""The same classes live in JupyterLab: a kernel at one end, the browser at the other.

Slow: a Jupyter server and kernels are started. Nothing outside this machine is asked.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import TimeoutError
from rate_summaries import summary

from pretrain.widgets.masking import MaskingExplorer
from pretrain.widgets.units import Units

pytestmark = pytest.mark.slow

NO_NEWS = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
CELLS = [
    "from pretrain.widgets.masking import MaskingExplorer\n"
    "masking = MaskingExplorer(rate=0.5, seed=3)\nmasking",
    "print('rate', masking.rate, masking.result()['targets'])",
    "masking.rate = 0.3",
]
FAMILY = """\
from pretrain.widgets.{name} import {cls}
{cls}({arguments})"""
ALL = {
    "attention": ("AttentionExplorer", ""),
    "chat_mask": ("ChatLossMask", ""),
    "curves": ("CurveExplorer", ""),
    "follows": ("DoesItFollow", ""),
    "guessing": ("GuessNextLetter", "['abc'], [[1, 2, 3]]"),
    "logits": ("LogitsToLoss", ""),
    "luck": ("BetterOrLuck", ""),
    "masking_rate": ("MaskingRateResults", repr(summary())),
    "objectives": ("ObjectiveExplorer", ""),
    "packing": ("Packing", ""),
    "scale": ("RunCalculator", ""),
    "spans": ("SpanWorkbench", ""),
    "units": ("Units", ""),
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Start JupyterLab with settings of its own; return its address and its folder."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "config" / "labconfig").mkdir(parents=True)
    page_config = folder / "config" / "labconfig" / "page_config.json"
    page_config.write_text(json.dumps(NO_NEWS), "utf8")
    for name, sources in {"one": CELLS, "all": family()}.items():
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = nbformat.v4.new_notebook(
            cells=cells, metadata={"kernelspec": spec}
        )
        (folder / "work").mkdir(exist_ok=True)
        nbformat.write(notebook, folder / "work" / f"{name}.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = ("CONFIG", "DATA", "RUNTIME")
    env = os.environ | {f"JUPYTER_{p}_DIR": str(folder / p.lower()) for p in places}
    env |= {"OMP_NUM_THREADS": "1", "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings")}
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1"]
        + [f"--port={port}", "--ServerApp.port_retries=0", "--allow-root"]
        + ["--IdentityProvider.token=", "--LabApp.extension_manager=readonly"]
        + [f"--ServerApp.root_dir={folder / 'work'}"],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=(folder / "log").open("w"),
        stderr=subprocess.STDOUT,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/api", server, folder / "log")
        yield address
    finally:
        server.terminate()
        server.wait(30)


def wait_for(address: str, server, log: Path, seconds: float = 180.0) -> None:
    for _ in range(int(2 * seconds)):
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.5)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


def family() -> list[str]:
    return [
        FAMILY.format(name=name, cls=cls, arguments=arguments)
        for name, (cls, arguments) in ALL.items()
    ]


@pytest.fixture
def notebook(chrome, lab):
    """Return a function that opens a notebook and runs its first cells."""
    contexts, wrong = [], []

    def opened(name, size=(1280, 900)):
        context = chrome.new_context(
            viewport=dict(zip(("width", "height"), size, strict=True))
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{lab}/doc/tree/{name}.ipynb")
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
        idle = '.jp-Notebook-ExecutionIndicator[data-status="idle"]'
        page.locator(idle).first.wait_for(state="attached")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not [line for line in wrong if "pw" in line or "widget" in line], wrong


RUN = '[data-command="notebook:run-cell-and-select-next"]'
PROMPT = """([number, text]) => new RegExp(text).test(
  document.querySelectorAll('.jp-CodeCell')[number]
    .querySelector('.jp-InputPrompt').textContent)"""


def run(page, number):
    """Run one cell and wait until it has its number."""
    cell = page.locator(".jp-CodeCell").nth(number)
    for _ in range(10):  # a click while the kernel is still connecting is lost
        cell.locator(".jp-InputArea-editor").click()
        page.locator(RUN).first.click()
        try:
            page.wait_for_function(PROMPT, arg=[number, r"[\d*]"], timeout=6000)
            break
        except TimeoutError:
            continue
    page.wait_for_function(PROMPT, arg=[number, r"\d"])
    return cell


def shown(widget):
    cells = widget.locator("button.pw-token")
    return cells.evaluate_all("cells => cells.map(cell => cell.dataset.input)")


def test_a_widget_and_its_kernel_follow_each_other(notebook):
    """What is turned in the browser is in Python, and what Python sets is shown."""
    page = notebook("one")
    widget = run(page, 0).locator(".pw")
    widget.wait_for()
    assert shown(widget) == MaskingExplorer(rate=0.5, seed=3).result()["inputs"]
    slider = widget.get_by_role("slider", name="Masking rate")
    slider.press("End")
    want = MaskingExplorer(rate=1.0, seed=3).result()
    cell = run(page, 1)
    cell.locator(".jp-OutputArea-output pre").wait_for()
    told = cell.locator(".jp-OutputArea-output pre").inner_text()
    assert told.strip() == f"rate 1.0 {want['targets']}"
    assert shown(widget) == want["inputs"]
    run(page, 2)
    page.wait_for_function("x => x.value === '0.3'", arg=slider.element_handle())
    page.wait_for_function(
        "([node, text]) => node.innerText.includes(text)",
        arg=[widget.element_handle(), "▨"],
    )
    assert shown(widget) == MaskingExplorer(rate=0.3, seed=3).result()["inputs"]


def test_every_widget_is_drawn_live(notebook):
    page = notebook("all")
    for number, name in enumerate(ALL):
        widget = run(page, number).locator(".pw")
        widget.wait_for()
        assert widget.locator("input, button, select").count() > 2, name
    last = page.locator(".jp-CodeCell").nth(len(ALL) - 1).locator(".pw")  # Units
    last.get_by_role("slider", name="Loss of A").press("Home")
    want = Units(losses=[0.0, 3.5]).result()["models"][1]
    page.wait_for_function(
        "node => node.innerText.includes('A is better')", arg=last.element_handle()
    )
    assert f"{want['bits_per_byte']:.3f}" in last.inner_text()
