"""The workbench of the built book, with the network cut: every widget is used.

Each is on its page, is turned once by keyboard, and what it then computes and shows is
what Python's `result()` says of the same state.
"""

import importlib
import re

import numpy as np
import pytest
from tabs import served
from widget_site import MOUNTED, SIZES, settle

from pretrain.experiments.tables import read_summary
from pretrain.widgets.base import Widget
from pretrain.widgets.curve_files import CurveRun, Series

WORKBENCH = "chapters/appendix/workbench"
STATE = """([id, name, traits]) => {
  const model = pretrainWidgets.model(id);
  const state = Object.fromEntries(traits.map(trait => [trait, model.get(trait)]));
  const plain = (x) => x instanceof DataView
    ? Array.from(new Float64Array(x.buffer, x.byteOffset, x.byteLength / 8))
    : Array.isArray(x) ? x.map(plain)
    : x && typeof x === "object"
      ? Object.fromEntries(Object.entries(x).map(([key, each]) => [key, plain(each)]))
      : x;
  return [plain(state), pretrainWidgets.widget(name).compute(state)];
}"""
COUNT = "(root, cells) => root.querySelectorAll(cells).length"


def press(role, name, key):
    """A key on one control, found by its label."""
    return lambda root: root.get_by_role(role, name=name).first.press(key)


def reveal(root):
    for _ in range(3):
        root.get_by_role("button", name="Reveal the letter").press("Enter")


def loss(root, result):
    assert f"{result['loss']:.3f} nats" in root.inner_text()


def leaks(root, result):
    told = "".join(result["leaks"]).count("1")
    assert root.evaluate(COUNT, "td[data-kind=leak]") == told


def scored(root, result):
    told = sum(target is not None for target in result["targets"])
    assert root.evaluate(COUNT, "[aria-pressed=true]") == told > 0


def turns(root, result):
    told = f"{sum(result['scored'])} of {len(result['tokens'])} tokens are scored"
    assert told in root.inner_text()


def bits(root, result):
    for model in result["models"]:
        assert f"{model['bits_per_byte']:.3f}" in root.inner_text()


def costs(root, result):
    assert f"{result['dollars']:,.0f} dollars" in root.inner_text()
    verdict = root.locator(".pw-scale-fits").inner_text()
    assert verdict.startswith("● It fits" if result["fits"] else "○ It does not")


def guesses(root, result):
    assert len(result["ranks"]) == 3
    assert f"{result['reader']['lower']:.2f}" in root.inner_text()


def follows(root, result):
    assert result["any"]["asked"] == 1
    assert f"{result['any']['you']} of 1" in root.inner_text()


def lucky(root, result):
    assert f"leads in {result['tests']['a_leads'] / 20:.1f} %" in root.inner_text()


def point(root, result):
    for found in result.values():
        assert f"{found['told']['mean']:.3f}" in root.inner_text()


def ends(root, result):
    assert len(result["runs"]) == 2
    for run in result["runs"]:
        assert run["name"] in root.inner_text()
        for note in run["notes"]:
            assert note in root.inner_text()


def nothing(root, result):
    """What is shown is held against Python in the widget's own tests."""


# name → its class, what is done by keyboard, what must then be seen
ACTS = {
    "attention": ("AttentionExplorer", press("radio", "full", "Space"), leaks),
    "chat_mask": ("ChatLossMask", press("checkbox", "<end> is scored", "Space"), turns),
    "curves": ("CurveExplorer", press("checkbox", "power law", "Space"), ends),
    "follows": ("DoesItFollow", press("button", "Yes, it follows", "Enter"), follows),
    "guessing": ("GuessNextLetter", reveal, guesses),
    "logits": ("LogitsToLoss", press("slider", "floor", "End"), loss),
    "luck": ("BetterOrLuck", press("slider", "B's true lead", "End"), lucky),
    "masking": ("MaskingExplorer", press("slider", "Masking rate", "End"), scored),
    "masking_rate": ("MaskingRateResults", press("slider", "Masking rate", "End"),
                     point),
    "objectives": ("ObjectiveExplorer", press("slider", "Corruption rate", "End"),
                   nothing),
    "packing": ("Packing", press("radio", "concat", "Space"), leaks),
    "scale": ("RunCalculator", press("slider", "Peak used", "End"), costs),
    "spans": ("SpanWorkbench", press("slider", "Corruption rate", "Home"),
              nothing),
    "units": ("Units", press("slider", "Loss of A", "End"), bits),
}


@pytest.fixture(scope="module")
def book(smoke_book):
    with served(smoke_book) as address:
        yield address


@pytest.fixture(scope="module")
def pages(smoke_book) -> dict:
    """Each page of the workbench → the widgets that it holds."""
    found = {}
    for path in sorted(smoke_book.glob(f"{WORKBENCH}*.html")):
        names = re.findall(r'class="pw-host"[^>]*data-widget="(\w+)"', path.read_text())
        found[path.relative_to(smoke_book).as_posix()] = names
    return found


@pytest.fixture
def visit(tabs, book):
    """Return a function that opens a page of the book, with its widgets mounted."""
    heard = []

    def opened(path, size="desktop", theme="light"):
        page, wrong = tabs.open(book, path, SIZES[size], color_scheme=theme)
        heard.append(wrong)
        page.wait_for_function(MOUNTED)
        return page

    yield opened
    tabs.rest()
    wrong = sum(heard, [])
    assert not wrong, wrong


def close(value):
    """`value` with its numbers as approximations, for sums in another order."""
    if isinstance(value, dict):
        return {key: close(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [close(each) for each in value]
    if isinstance(value, float):
        return pytest.approx(value, rel=1e-9, abs=1e-11)
    return value


def python(name: str, state: dict) -> Widget:
    """The Python widget with the state that a page's widget has."""
    module = importlib.import_module(f"pretrain.widgets.{name}")
    make = getattr(module, ACTS[name][0])
    state = {key: value for key, value in state.items() if not key.startswith("_")}
    if name == "curves":
        state["runs"] = [curve_run(run) for run in state["runs"]]
    if name == "masking_rate":
        del state["data"]
        return make(read_summary("masking-rate"), **state)
    return make(**state)


def curve_run(run: dict) -> CurveRun:
    """A run as Python has it, from what a page has of it."""
    series = {
        key: Series(**{place: x and np.array(x) for place, x in one.items()})
        for key, one in run["series"].items()
    }
    return CurveRun(run["name"], series, run["group"], run["floor"], run["bytes"])


def traits(name: str) -> list[str]:
    module = importlib.import_module(f"pretrain.widgets.{name}")
    return list(getattr(module, ACTS[name][0]).class_own_traits(sync=True))


def test_every_widget_is_on_the_workbench(root, pages):
    modules = {path.stem for path in (root / "pretrain/widgets").glob("*.js")} - {"kit"}
    held = [name for names in pages.values() for name in names]
    assert sorted(held) == sorted(modules) == sorted(ACTS)


@pytest.mark.parametrize("name", sorted(ACTS))
def test_used_by_keyboard_it_agrees_with_python(visit, pages, name):
    path = next(path for path, names in pages.items() if name in names)
    page = visit(path)
    host = page.locator(f'.pw-host[data-widget="{name}"]')
    _, act, seen = ACTS[name]
    before = host.inner_text()
    act(host)
    settle(page)
    assert host.inner_text() != before
    where = [host.get_attribute("data-model"), name, traits(name)]
    state, got = page.evaluate(STATE, where)
    want = python(name, state).result()
    if name == "objectives":  # one dictionary for each, with what only the page needs
        got = {each: {key: got["objectives"][each][key] for key in told}
               for each, told in want.items()}
    if name == "curves":  # a list with one dictionary a run
        want, got = {"runs": want}, {"runs": got}
    both = want.keys() & got.keys()
    assert both, "nothing is computed by both"
    assert {key: got[key] for key in both} == close({key: want[key] for key in both})
    seen(host, want)


@pytest.mark.parametrize(("size", "theme"), [("phone", "dark"), ("desktop", "light")])
def test_pages_of_several_widgets_fit(visit, pages, size, theme):
    for path in pages:
        page = visit(path, size, theme)
        width = page.viewport_size["width"]
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_no_page_has_more_than_60_kb_of_code(smoke_book, pages):
    for path in sorted(smoke_book.glob("chapters/**/*.html")):
        found = re.findall(r"_static/(widgets/[\w.-]+\.(?:js|css))", path.read_text())
        code = {file for file in found if not file.startswith("widgets/state-")}
        size = sum((smoke_book / "_static" / file).stat().st_size for file in code)
        assert size <= 60 * 1024, f"{path.name}: {size} bytes"


def test_each_widget_asks_for_a_prediction_and_names_its_chapter(root, pages):
    for path, names in pages.items():
        text = (root / path).with_suffix(".md").read_text("utf8")
        sections = re.split(r"(?m)^## ", text)[1:]
        assert len(sections) == len(names)
        for section in sections:
            prose = " ".join(section.split("```")[0].split())
            assert re.search(r"Before .*\?", prose), prose
            link = r"\]\(\.\./((?:foundations|objectives|practice)/[\w-]+\.md)\)"
            named = re.search(link, prose)
            assert named and (root / "chapters" / named[1]).is_file(), prose
