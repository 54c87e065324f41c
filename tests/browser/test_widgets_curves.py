"""The loss-curve explorer in a page, by keyboard and mouse, against Python."""

import base64
import csv
import io

import numpy as np
import pytest
from PIL import Image
from widget_site import golden, settle

from pretrain.curves.families import FAMILIES, decay, language, noisy
from pretrain.random import Counter
from pretrain.widgets.curve_files import CurveRun, Series
from pretrain.widgets.curves import CurveExplorer


def run(name, loss, every=1, **more):
    step = np.arange(1, len(loss) + 1) * float(every)
    series = Series(step, loss, step * 512, step * 0.25, step * 1e9)
    return CurveRun(name, {"loss": series}, **more)


def seeds():
    """Three seeds of one experiment, and a run with a spike, of 400 steps each."""
    curves = [noisy(language(400), 0.03, Counter(seed)) for seed in range(3)]
    made = [
        run(f"causal · seed {i}", curve, group="causal", floor=1.7, bytes_per_token=3.5)
        for i, curve in enumerate(curves)
    ]
    spiky = noisy(decay(400), 0.03, Counter(9))
    spiky[200:203] *= 3
    return [*made, run("masked", spiky)]


def demo():
    return [
        CurveExplorer(seeds()),
        CurveExplorer(),
        CurveExplorer([run("one", np.array([2.0]))], smoothing="window", fit=True),
    ]


PARTS = """([data, fit]) => {
  const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
  const y = new Float64Array(bytes.buffer), made = pretrainWidgets.widget("curves");
  const step = y.map((_, i) => i), smooth = {}, last = y.length - 1;
  for (const smoothing of ["exponential", "window", "gaussian"]) {
    const {at} = made.smooth({smoothing, strength: 50}, {value: y});
    smooth[smoothing] = [0, 1, 2, 3, 4, 5, 6].map(k => at(Math.trunc(k * last / 6)))
      .map(v => Number.isFinite(v) ? v : null);
  }
  const law = fit ? made.powerLaw(y, y.map((_, i) => i + 1)) : null;
  return {findings: made.analyze(y, step), smooth,
    fit: law && [law.floor, law.height, law.exponent, law.predict(10 * y.length)]};
}"""
FILES = """async (files) => {
  const {readRuns} = await pretrainWidgets.widget("curves").files();
  const shown = (a) => a && Array.from(a, v =>
    Number.isNaN(v) ? "nan" : Number.isFinite(v) ? String(v) : v > 0 ? "inf" : "-inf");
  const each = (o, f) =>
    Object.fromEntries(Object.entries(o).map(([key, one]) => [key, f(one)]));
  return files.map(([name, data]) => {
    try {
      return readRuns(name, Uint8Array.from(atob(data), c => c.charCodeAt(0)))
        .map(({name, group, series}) => ({name, group, series: each(series, one =>
          each(one, shown))}));
    } catch (error) { return error.message; }
  });
}"""
COMPUTE = """(change) => {
  const model = pretrainWidgets.model("w0"), names = ["runs", "metric", "x", "unit",
    "smoothing", "strength", "marks", "fit", "hidden", "floor", "bytes_per_token"];
  const state = Object.fromEntries(names.map(name => [name, model.get(name)]));
  return pretrainWidgets.widget("curves").compute({...state, ...change});
}"""
DROP = """(files) => {
  const data = new DataTransfer();
  for (const [name, text] of files) data.items.add(new File([text], name));
  const event = new DragEvent("drop", {dataTransfer: data, bubbles: true});
  document.querySelector(".pw-curves-plot").dispatchEvent(event);
}"""


def near(got, wanted, rel):
    """The same numbers, texts and keys, numbers to within ``rel``."""
    if isinstance(wanted, dict):
        assert got.keys() == wanted.keys()
        for key in wanted:
            near(got[key], wanted[key], rel)
    elif isinstance(wanted, list):
        assert len(got) == len(wanted)
        for one, other in zip(got, wanted, strict=True):
            near(one, other, rel)
    elif isinstance(wanted, float):
        assert got == pytest.approx(wanted, rel=rel, abs=1e-12)
    else:
        assert got == wanted


def table(page) -> list[list[str]]:
    """The readout of the first widget: a row a run."""
    settle(page)
    rows = page.locator(".pw").first.locator("tbody tr").all()
    return [row.locator("th, td").all_inner_texts() for row in rows]


def stage(page):
    return page.locator(".pw-curves-plot").first


def move(page, share, *, shift=False, to=None):
    """Move the mouse to a share of the plot's width; with `to`, drag it there."""
    box = stage(page).bounding_box()
    left, width, y = box["x"] + 52, box["width"] - 64, box["y"] + 100
    page.mouse.move(left + share * width, y)
    if to is not None:
        if shift:
            page.keyboard.down("Shift")
        page.mouse.down()
        page.mouse.move(left + to * width, y, steps=4)
        page.mouse.up()
        if shift:
            page.keyboard.up("Shift")
    settle(page)


def view(page):
    settle(page)
    return page.evaluate("pretrainWidgets.model('w0').get('view')")


def test_golden_curves(open_page):
    """The same findings, smoothed values and fits on a curve of every family."""
    page = open_page("curves")
    cases = golden("curves")
    assert len(cases) > 30 and sum(case["fit"] is not None for case in cases) == 2
    for case in cases:
        loss = FAMILIES[case["family"]].draw(Counter(case["seed"])).loss
        data = base64.b64encode(loss.astype("<f8").tobytes()).decode()
        got = page.evaluate(PARTS, [data, case["fit"] is not None])
        # the same float64 formulas, sums in another order
        near(got["findings"], case["findings"], 1e-9)
        near(got["smooth"], case["smooth"], 1e-9)
        near(got["fit"], case["fit"], 1e-9)


def test_golden_files(open_page):
    """Every file and every error sentence, as Python has them; also from a disk."""
    cases = golden("curve_files")
    for files in (False, True):
        page = open_page("curves", files=files)
        given = [[case["name"], case["data"]] for case in cases]
        for case, got in zip(cases, page.evaluate(FILES, given), strict=True):
            assert as_floats(got) == case["answer"], case["name"]


def as_floats(answer):
    """Numbers as Python writes them: 2.0 for JavaScript's 2."""
    for run in answer if isinstance(answer, list) else []:
        for one in run["series"].values():
            one |= {k: a and [str(float(v)) for v in a] for k, a in one.items()}
    return answer


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"unit": "bits", "smoothing": "window", "strength": 21.0},
        {"unit": "bpb", "smoothing": "exponential", "x": "tokens"},
        {"unit": "perplexity", "smoothing": "gaussian", "x": "flops"},
        {"hidden": ["masked"], "fit": True, "x": "seconds"},
    ],
)
def test_what_it_tells_is_what_python_computes(open_page, change):
    page = open_page("curves")
    wanted = CurveExplorer(seeds(), **change).result()
    near(page.evaluate(COMPUTE, change), wanted, 1e-9)


def test_the_crosshair_by_keyboard(open_page):
    page = open_page("curves")
    loss = seeds()[0].series["loss"].value
    assert table(page)[0] == [
        "● causal · seed 0", "400", f"{loss[-1]:.4f}", f"{loss[-1] - 1.7:.4f}"
    ]
    stage(page).focus()
    for keys, step in (
        (["ArrowLeft"], 399),
        (["Home"], 1),
        (["ArrowRight", "ArrowRight", "ArrowLeft"], 2),
        (["PageUp"], 22),  # a twentieth of 400 steps
        (["End"], 400),
    ):
        for key in keys:
            page.keyboard.press(key)
        assert table(page)[0][1:3] == [str(step), f"{loss[step - 1]:.4f}"]
    told = stage(page).get_attribute("aria-valuetext")
    assert f"causal · seed 0: step 400, {loss[-1]:.4f} nats" in told
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("+")
    low, high = view(page)
    assert low == 1 and high == pytest.approx(1 + 399 / 8)
    page.keyboard.press("Shift+ArrowRight")
    assert view(page) == pytest.approx([1 + 399 / 80, 1 + 399 / 8 * 1.1])
    page.keyboard.press("-")
    assert view(page)[1] - view(page)[0] == pytest.approx(399 / 4)
    page.keyboard.press("Escape")
    assert view(page) == []


def test_the_crosshair_and_zoom_by_mouse(open_page):
    page = open_page("curves")
    move(page, 0.5)
    step = int(table(page)[0][1])
    assert abs(step - 200) <= 2
    loss = seeds()[3].series["loss"].value
    assert table(page)[3][1:3] == [str(step), f"{loss[step - 1]:.4f}"]
    move(page, 0.25, to=0.75)
    low, high = view(page)
    assert (low, high) == (pytest.approx(101, abs=2), pytest.approx(300, abs=2))
    move(page, 0.5, to=0.25, shift=True)  # along, by a quarter of what is seen
    assert view(page) == pytest.approx([low + 50, high + 50], abs=2)
    stage(page).dblclick()
    assert view(page) == []
    page.get_by_role("button", name="Zoom in").first.click()
    assert view(page)[1] - view(page)[0] == pytest.approx(399 / 2)
    page.get_by_role("button", name="Whole curve").first.click()
    assert view(page) == []


def test_every_control(open_page):
    page = open_page("curves")
    first = page.locator(".pw").first
    slider = first.get_by_role("slider", name="Smoothing width")
    assert slider.is_disabled()
    kinds = ("exponential", "decay"), ("window", "values"), ("Gaussian", "σ")
    for name, value in kinds:
        first.get_by_label("Smoothing", exact=True).select_option(label=name)
        settle(page)  # the slider takes no key until the next frame enables it
        for key, strength in (("Home", 1.0), ("End", 2000.0)):
            slider.press(key)
            got = table(page)
            change = {"smoothing": name.lower(), "strength": strength}
            wanted = CurveExplorer(seeds(), **change).result()
            assert [row[3] for row in got] == [f"{w['smoothed']:.4f}" for w in wanted]
        assert value in slider.get_attribute("aria-valuetext")
    first.get_by_label("Smoothing", exact=True).select_option("off")
    first.get_by_label("Unit", exact=True).select_option("bits per byte")
    assert len(table(page)) == 3  # masked does not know its bytes
    assert "masked does not know its bytes per token." in first.inner_text()
    first.get_by_label("Bytes per token").fill("4")
    masked = seeds()[3].series["loss"].value[-1] / np.log(2) / 4
    assert table(page)[3][2] == f"{masked:.4f}"
    for across in ("tokens", "seconds", "FLOPs"):
        first.get_by_label("Across", exact=True).select_option(across)
        for box in ("log across", "log upwards"):
            first.get_by_role("checkbox", name=box).click()
            assert len(table(page)) == 4
    first.get_by_role("checkbox", name="masked").uncheck()
    assert len(table(page)) == 3 and "spikes" not in first.inner_text()
    first.get_by_role("checkbox", name="power law").check()
    settle(page)
    law = CurveExplorer(seeds()[:1], fit=True).result()[0]["fit"][0]
    told = first.inner_text()
    assert "floor {:.3f} ({:.3f} to {:.3f}) nats".format(*law) in told
    first.get_by_role("checkbox", name="findings").uncheck()
    settle(page)
    assert "still falls" not in first.inner_text()


def test_runs_are_dropped_and_chosen_and_what_is_wrong_is_told(open_page):
    page = open_page("curves")
    first = page.locator(".pw").first
    page.evaluate(DROP, [["mine.csv", "step,loss\n1,5\n2,nan\n3,4\n"]])
    first.get_by_role("checkbox", name="mine").wait_for()
    assert table(page)[4] == ["▼ mine", "3", "4.0000", ""]
    assert "not finite at 1 step, first at step 2" in first.inner_text()
    for name, text, said in (
        ("bad.csv", "step,loss\n1\n", "line 2 of bad.csv has 1 fields"),
        ("empty.csv", "", "empty.csv is empty"),
        ("a.png", "\x89PNG\0", "a.png is no run that can be read"),
    ):
        page.evaluate(DROP, [[name, text]])
        first.get_by_text(said).wait_for()
        assert len(table(page)) == 5  # what was there stays
    first.get_by_label("Add your own runs").set_input_files(
        {"name": "two.csv", "mimeType": "text/csv", "buffer": b"step,loss\n5,2\n"}
    )
    first.get_by_role("checkbox", name="two").wait_for()
    assert table(page)[5] == ["✚ two", "5", "2.0000", ""]
    assert "empty" not in first.get_by_role("alert").inner_text()
    first.get_by_role("button", name="Remove mine").click()
    assert len(table(page)) == 4
    empty = page.locator(".pw").nth(1)
    assert "There is no run yet" in empty.inner_text()
    one = page.locator(".pw").nth(2)
    assert "1 finite values are too few" in one.inner_text()


def test_a_run_that_python_sends_grows(open_page):
    """What `follow` does from a kernel: the trait changes, and the plot follows."""
    page = open_page("curves")
    page.evaluate(
        """() => {
          const bytes = (...v) => new DataView(new Float64Array(v).buffer);
          const loss = {step: bytes(1, 2), value: bytes(3, 2.5), tokens: null,
            seconds: null, flops: null};
          const run = {name: "now", group: null, floor: null, bytes: null};
          pretrainWidgets.model("w0").set("runs", [{...run, series: {loss}}]);
        }"""
    )
    assert table(page) == [["● now", "2", "2.5000"]]


def test_a_link_leads_to_the_same_view(open_page):
    page = open_page("curves", permissions=["clipboard-read", "clipboard-write"])
    first = page.locator(".pw").first
    first.get_by_label("Smoothing", exact=True).select_option("window")
    first.get_by_label("Unit", exact=True).select_option("bits")
    first.get_by_role("checkbox", name="log across").check()
    first.get_by_role("checkbox", name="causal · seed 1").uncheck()
    first.get_by_role("button", name="Zoom in").click()
    shown = table(page)
    first.get_by_role("button", name="Link").click()
    first.get_by_text("leads to this view now").wait_for()
    address = page.url
    assert page.evaluate("navigator.clipboard.readText()") == address
    page.goto("about:blank")
    page.goto(address)
    page.locator(".pw-curves-plot").first.wait_for()
    assert table(page) == shown and len(view(page)) == 2
    # nonsense in an address is passed over
    bad = '#loss-curves-0?unit="dB"&strength=-5&view=[3,1]&hidden=7&x=%22tokens%22&z'
    page.evaluate("hash => { location.hash = hash; }", bad)
    page.wait_for_function("pretrainWidgets.model('w0').get('x') === 'tokens'")
    assert page.evaluate("pretrainWidgets.model('w0').get('unit')") == "bits"
    assert len(table(page)) == 3


def test_numbers_and_a_picture_to_take_away(open_page):
    page = open_page("curves", accept_downloads=True)
    first = page.locator(".pw").first
    first.get_by_label("Smoothing", exact=True).select_option("window")
    settle(page)
    with page.expect_download() as waiting:
        first.get_by_role("button", name="CSV").click()
    text = open(waiting.value.path(), encoding="utf8").read()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 4 * 400 and rows[0]["run"] == "causal · seed 0"
    loss = seeds()[0].series["loss"].value
    assert [float(row["loss (nats)"]) for row in rows[:400]] == loss.tolist()
    assert all(float(row["smoothed"]) > 0 for row in rows)
    with page.expect_download() as waiting:
        first.get_by_role("button", name="PNG").click()
    picture = Image.open(waiting.value.path())
    assert picture.width >= 500 and len(picture.convert("RGB").getcolors(1 << 20)) > 20


def test_a_spike_between_two_pixels_is_drawn(open_page):
    """100,000 values in 600 columns: the one high value is on the canvas."""
    page = open_page("curves")
    draw = """(high) => {
      const n = 100000, of = f => new DataView(Float64Array.from({length: n},
        (_, i) => f(i)).buffer);
      const loss = {step: of(i => i), value: of(i => i === 54321 ? high : 2 + i % 2),
        tokens: null, seconds: null, flops: null};
      const model = pretrainWidgets.model("w0");
      model.set("marks", false);
      model.set("runs", [{name: "a", group: null, floor: null, bytes: null,
        series: {loss}}]);
    }"""
    page.evaluate(draw, 60)
    settle(page)
    rows = """(canvas, share) => {
      const context = canvas.getContext("2d");
      const ratio = canvas.width / canvas.clientWidth;
      const middle = 52 + (canvas.clientWidth - 64) * share, inked = new Set();
      const w = Math.round(6 * ratio), from = Math.round((middle - 3) * ratio);
      const {data} = context.getImageData(from, 60 * ratio, w, 40 * ratio);
      for (let i = 3; i < data.length; i += 4)
        if (data[i] > 100) inked.add(Math.floor(i / 4 / w));
      return inked.size;
    }"""
    canvas = page.locator(".pw-curves-plot canvas").first
    assert canvas.evaluate(rows, 0.54321) == 40  # a line from top to bottom
    assert canvas.evaluate(rows, 0.58) <= 3  # the grid, at most
    assert len(table(page)) == 1
