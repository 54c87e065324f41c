"""How soon the widgets are ready, how long an input takes to be seen, and their sizes.

    make book
    python benchmarks/widgets.py [the folder of the HTML]

Opens the pages of the workbench in headless Chromium from a local server.

ready: milliseconds from the start of the navigation until every widget of the page is
    mounted, and how long after the page's `load` event that was (below 0: before it).
input: from an input event until its frame is painted, without the wait for the frame
    to begin: the handler, then drawing, style, layout and paint of the whole page.
    The first slider of a widget is moved from end to end, or its first choice, select
    or field is changed.

Medians of several rounds. Aims: 500 ms after load, 16 ms, 60 KB of code a page.
"""

import functools
import http.server
import re
import shutil
import statistics
import sys
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
PAGES = "chapters/appendix/workbench*.html"
LOADS, INPUTS = 7, 40
READY = """document.addEventListener("DOMContentLoaded", () => setTimeout(() => {
  window.widgetsReady = performance.now();
}))"""
TIMES = """() => {
  const [page] = performance.getEntriesByType("navigation");
  return [window.widgetsReady, window.widgetsReady - page.loadEventEnd];
}"""
INPUT = """async ([host, times]) => {
  const frame = () => new Promise(requestAnimationFrame);
  const find = (kind) => host.querySelector(kind + ":not([disabled])");
  const control = find("input[type=range]") ?? find("input[type=radio]")
    ?? find("select") ?? find("textarea") ?? find("input");
  const kind = control.type, measured = [];
  for (let i = 0; i < times; i++) {
    await frame();
    let begun, act = () => {};
    if (kind === "range") {
      const share = (i * 7 % times) / (times - 1);
      control.value = +control.min + share * (control.max - control.min);
    } else if (kind === "radio") {
      const all = [...host.querySelectorAll(`[name="${control.name}"]`)];
      act = () => all[(i + 1) % all.length].click();
    } else if (kind === "select-one") {
      control.selectedIndex = i % control.options.length;
    } else {
      control.value = control.type === "text" ? "e" : control.value + "e";
    }
    requestAnimationFrame(() => { begun = performance.now(); });
    const asked = performance.now();
    act();
    if (kind !== "radio") {
      control.dispatchEvent(new Event("input", {bubbles: true}));
      control.dispatchEvent(new Event("change", {bubbles: true}));
    }
    const handled = performance.now() - asked;
    await frame();
    const painted = await new Promise((done) => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => done(performance.now());
      channel.port2.postMessage(0);
    });
    measured.push(handled + painted - begun);
  }
  return [kind, measured];
}"""


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def code_bytes(html: Path, folder: Path) -> dict[str, int]:
    """The page's own scripts and style, by name."""
    names = re.findall(r"_static/(widgets/[\w.-]+\.(?:js|css))", html.read_text("utf8"))
    names = sorted({name for name in names if "/state-" not in name})
    return {name: (folder / "_static" / name).stat().st_size for name in names}


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_build" / "html"
    pages = sorted(folder.glob(PAGES))
    chromium = shutil.which("chromium")
    if not pages or chromium is None:
        missing = "chromium on the path" if pages else f"no workbench in {folder}"
        print(f"nothing measured: {missing}; run make book first")
        return
    handler = functools.partial(Silent, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}/"
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for html in pages:
            sizes = code_bytes(html, folder)
            print(f"{html.name}: {sum(sizes.values()) / 1024:.1f} KB of code")
            measure(browser, base + html.relative_to(folder).as_posix(), sizes)
        browser.close()
    server.shutdown()


def measure(browser, address: str, sizes: dict[str, int]) -> None:
    ready, after = [], []
    for _ in range(LOADS):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.add_init_script(READY)
        page.goto(address, wait_until="load")
        page.wait_for_function("window.widgetsReady && document.readyState[0] === 'c'")
        times = page.evaluate(TIMES)
        ready.append(times[0])
        after.append(times[1])
        if len(ready) < LOADS:
            page.close()
    middle = statistics.median
    print(f"  ready {middle(ready):.0f} ms after the start, {middle(after):+.0f} ms "
          f"after load ({LOADS} loads)")
    for host in page.locator(".pw-host").all():
        name = host.get_attribute("data-widget")
        kind, found = page.evaluate(INPUT, [host.element_handle(), INPUTS])
        found.sort()
        slow = found[int(0.95 * len(found))]
        print(f"  {name:13} {sizes[f'widgets/{name}.js'] / 1024:5.1f} KB   {kind:10} "
              f"input {middle(found):5.1f} ms, 95th percentile {slow:5.1f} ms")
    page.close()


if __name__ == "__main__":
    main()
