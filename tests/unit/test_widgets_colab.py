"""The widgets under the versions that Colab has: ipywidgets 7.7.1, anywidget 0.9.21.

Slow: these versions are downloaded into a folder of their own, which a second Python
looks into first; everything else is what the book has. Without a network it is skipped.
It shows that the classes are made, displayed and synchronized by the older Python
packages. The front end of Colab itself is not run here; that the code which it gets is
one ES module and needs no more than get, set, on and save_changes is tested in
tests/browser/test_widgets_family.py.
"""

import json
import os
import subprocess
import sys

import pytest

VERSIONS = ("ipywidgets==7.7.1", "anywidget==0.9.21", "ipython_genutils==0.2.0")
SCRIPT = """
import json, sys

import anywidget, ipywidgets
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from pretrain.errors import PretrainError
from pretrain.widgets.attention import AttentionExplorer
from pretrain.widgets.chat_mask import ChatLossMask
from pretrain.widgets.curves import CurveExplorer
from pretrain.widgets.follows import DoesItFollow
from pretrain.widgets.guessing import GuessNextLetter
from pretrain.widgets.logits import LogitsToLoss
from pretrain.widgets.luck import BetterOrLuck
from pretrain.widgets.masking import MaskingExplorer
from pretrain.widgets.masking_rate import MaskingRateResults
from pretrain.widgets.objectives import ObjectiveExplorer
from pretrain.widgets.packing import Packing
from pretrain.widgets.scale import RunCalculator
from pretrain.widgets.spans import SpanWorkbench
from pretrain.widgets.units import Units
from rate_summaries import summary

shell, told = InteractiveShell.instance(), {}
widgets = [AttentionExplorer(), BetterOrLuck(), ChatLossMask(), CurveExplorer(),
           DoesItFollow(),
           GuessNextLetter(["abc"], [[1, 2, 3]]), LogitsToLoss(),
           MaskingExplorer(), MaskingRateResults(summary()),
           ObjectiveExplorer(), Packing(), RunCalculator(), SpanWorkbench(),
           Units()]
for widget in widgets:
    with capture_output() as shown:
        shell.display_formatter.format(widget)
    [output] = shown.outputs
    data, _ = widget._repr_mimebundle_()
    state = widget.get_state()
    json.dumps({key: state[key] for key in state if key != "layout"})
    told[type(widget).__name__] = {
        "shown": sorted(output.data), "bundle": sorted(data),
        "model": state["_model_module"], "id": state["_anywidget_id"],
        "esm": "export default" in state["_esm"], "css": ".pw" in state["_css"],
    }
masking = MaskingExplorer(rate=0.5, seed=3)
before = masking.result()["targets"]
masking.set_state({"rate": 1.0})  # what a message of the front end does
told["followed"] = [sum(t is not None for t in targets)
                    for targets in (before, masking.result()["targets"])]
try:
    masking.set_state({"rate": 2.0})
except PretrainError as error:
    told["refused"] = str(error)
versions = [ipywidgets.__version__, anywidget.__version__]
print(json.dumps({"versions": versions, "told": told}))
"""
VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def older(tmp_path_factory):
    """Download the versions into a folder and return it; skip where there is no net."""
    folder = tmp_path_factory.mktemp("colab")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
        + [folder, *VERSIONS],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["pip failed"]
        pytest.skip(f"{', '.join(VERSIONS)} could not be downloaded: {lines[-1]}")
    return folder


@pytest.mark.slow
def test_the_classes_work_under_colabs_versions(older, root):
    path = os.pathsep.join(map(str, (older, root, root / "tests")))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["versions"] == ["7.7.1", "0.9.21"]
    told = found["told"]
    before, after = told.pop("followed")
    assert before < after == 17  # at a rate of 1 every token of the text
    assert "give a number from 0.01 to 1" in told.pop("refused")
    assert len(told) == 14
    for name, each in told.items():
        assert VIEW in each["shown"], name
        assert {VIEW, "image/svg+xml", "text/plain"} <= set(each["bundle"]), name
        assert (each["model"], each["esm"], each["css"]) == ("anywidget", True, True)
        assert each["id"].startswith("pretrain.widgets."), name
