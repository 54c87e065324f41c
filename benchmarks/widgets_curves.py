"""How smooth is the loss-curve explorer with 100,000 points? Frames, by Chromium.

    python benchmarks/widgets_curves.py [--points 100000] [--seconds 3]

Measured in a page with the widget alone, 680 px wide, three quarters of the points in
sight: the widget's own work in a frame, while the crosshair moves, while the plot is
dragged along, and while the width of a smoothing is dragged; and the frames that
arrived in a second. Work tells what the widget costs; frames also tell what else the
machine was doing. Chromium draws without a GPU, so a canvas is slower than usual.
"""

import argparse
import base64
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from pretrain.curves.families import language, noisy
from pretrain.random import Counter
from pretrain.style import css
from pretrain.widgets.base import style_sheet
from pretrain.widgets.curve_files import CurveRun, Series
from pretrain.widgets.curves import CurveExplorer, packed

PAGE = """<!doctype html><meta charset="utf-8"><style>{css}
body {{ width: 680px }}</style><body><div id="el"></div>
<script>
let last = 0;
const work = [], frame = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = (draw) => frame((now) => {{
  const before = performance.now();
  draw(now);
  if (now !== last) work.push(0);  // one frame may draw the plot and the crosshair
  work[work.length - 1] += performance.now() - before;
  last = now;
}});
</script>
<script type="module">
{module}
const state = {state}, heard = new Map();
for (const run of state.runs) for (const one of Object.values(run.series))
  for (const key of Object.keys(one)) if (one[key]) one[key] =
    new DataView(Uint8Array.from(atob(one[key]), c => c.charCodeAt(0)).buffer);
const model = {{
  get: (name) => state[name],
  set: (name, x) => {{ state[name] = x; heard.get(`change:${{name}}`)?.(); }},
  on: (name, f) => heard.set(name, f), off: () => {{}}, save_changes: () => {{}},
}};
window.model = model;
widget.render({{ model, el: document.getElementById("el") }});
window.ready = true;
</script>"""
MEASURE = """async ([seconds, act]) => {
  const plot = document.querySelector(".pw-curves-plot");
  const box = plot.getBoundingClientRect();
  const pointer = (type, x, shiftKey) => plot.dispatchEvent(new PointerEvent(type, {
    clientX: box.left + x, clientY: box.top + 100, pointerId: 1, shiftKey}));
  plot.setPointerCapture = () => {};
  const slider = document.querySelector(".pw input[type=range]");
  const acts = {
    pan: (k) => pointer("pointermove", 300 + 150 * Math.sin(k / 10), true),
    crosshair: (k) => pointer("pointermove", 300 + 200 * Math.sin(k / 10), false),
    width: (k) => {
      slider.value = 30 + 25 * Math.sin(k / 7);
      slider.dispatchEvent(new Event("input"));
    },
  };
  if (act === "pan") pointer("pointerdown", 300, true);
  const times = [];
  work.length = 0;
  await new Promise((done) => {
    const next = (now) => {
      times.push(now);
      acts[act](times.length);
      if (now - times[0] < seconds * 1000) frame(next); else done();
    };
    frame(next);
  });
  if (act === "pan") pointer("pointerup", 300, true);
  const sorted = (a) => a.sort((x, y) => x - y);
  const at = (a, q) => a[Math.floor(q * a.length)];
  const gaps = sorted(times.slice(1).map((t, i) => t - times[i])), spent = sorted(work);
  return [at(spent, 0.5), at(spent, 0.95), at(gaps, 0.5),
    1000 * gaps.length / (times.at(-1) - times[0])];
}"""


def page(points: int, smoothing: str) -> str:
    loss = noisy(language(points), 0.03, Counter(1))
    step = np.arange(1.0, points + 1)
    run = CurveRun("a", {"loss": Series(step, loss)})
    widget = CurveExplorer([run], smoothing=smoothing, view=[points / 4, points])
    widget.runs, state = [], dict(widget.get_state())
    state = {key: x for key, x in state.items() if key in widget.trait_names()}
    state = {key: x for key, x in state.items() if key[0] != "_"}
    state |= {"runs": packed([run]), "layout": None}
    text = json.dumps(state, default=lambda b: base64.b64encode(b).decode())
    module = widget._esm.replace("export default", "const widget =")
    return PAGE.format(css=css() + style_sheet(), module=module, state=text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=3)
    given = parser.parse_args()
    print(f"{given.points:,} points; milliseconds")
    print("smoothing     dragged     work   95 %   frame  frames/s")
    with sync_playwright() as tools, tempfile.TemporaryDirectory() as folder:
        browser = tools.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for smoothing in ("off", "exponential", "window", "gaussian"):
            file = Path(folder) / "page.html"
            file.write_text(page(given.points, smoothing), "utf8")
            tab = browser.new_page(viewport={"width": 760, "height": 900})
            tab.goto(file.as_uri())
            while "The loss" not in tab.evaluate("document.body.innerText"):
                tab.wait_for_timeout(200)  # until the analysis is done
            for act in ("crosshair", "pan", "width"):
                if act == "width" and smoothing == "off":
                    continue
                work, late, gap, rate = tab.evaluate(MEASURE, [given.seconds, act])
                print(f"{smoothing:13s} {act:10s} {work:5.1f}  {late:5.1f}   "
                      f"{gap:5.1f}  {rate:7.0f}")
            tab.close()


if __name__ == "__main__":
    main()
