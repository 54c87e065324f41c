"""Tabs of a browser that can reach nothing but a site on this machine."""

import functools
import http.server
import threading
from contextlib import contextmanager

PATIENCE = 180_000  # ms: a busy machine may be many times slower
# Names resolve to nothing, so a request to another host fails and is reported.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def served(folder):
    """Serve a folder on this machine; gives its address."""
    handler = functools.partial(Silent, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()


class Tabs:
    """Opens pages in tabs that are used again, as a reader goes from page to page.

    What pages share is read and compiled once; that is half of what opening one costs.
    Tabs of the same settings share a context: `color_scheme` and whatever else
    `Browser.new_context` takes.
    """

    def __init__(self, browser):
        self.browser, self.contexts, self.idle, self.busy = browser, {}, {}, []

    def open(self, base, path, size, **settings):
        """Return a tab that shows `base + path`, and the list of what goes wrong.

        size: (width, height) in pixels. What it asks beyond `base` goes wrong, and what
        it is not given, a status above 399, an exception, an error in the console.
        """
        key = repr(sorted(settings.items()))
        if key not in self.contexts:
            self.contexts[key] = self.browser.new_context(**settings)
            self.contexts[key].set_default_timeout(PATIENCE)
            self.idle[key] = []
        page = self.idle[key].pop() if self.idle[key] else self.contexts[key].new_page()
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.emulate_media(
            media="null",
            color_scheme=settings.get("color_scheme", "light"),
            reduced_motion=settings.get("reduced_motion", "no-preference"),
        )
        page.mouse.move(0, 0)  # it is where the last page left it
        wrong, scripts = [], settings.get("java_script_enabled", True)
        heard = self._heard(base, wrong, scripts)
        for event, listener in heard.items():
            page.on(event, listener)
        self.busy.append((key, page, heard))
        page.goto(base + path, wait_until="load")
        return page, wrong

    @staticmethod
    def _heard(base, wrong, scripts) -> dict:
        def note_request(asked):
            if not asked.url.startswith((base, "data:", "blob:")):
                wrong.append(f"asked for {asked.url}")

        def note_response(got):
            if got.status > 399:
                wrong.append(f"{got.status}: {got.url}")

        def note_line(line):
            if line.type == "error":
                wrong.append(line.text)

        heard = {
            "request": note_request,
            "response": note_response,
            "console": note_line,
            "pageerror": lambda error: wrong.append(f"error: {error}"),
        }
        if scripts:  # without them, a script that was announced is given up
            heard["requestfailed"] = lambda asked: wrong.append(f"no {asked.url}")
        return heard

    def rest(self) -> None:
        """Put all tabs aside for the next test."""
        for key, page, heard in self.busy:
            for event, listener in heard.items():
                page.remove_listener(event, listener)
            page.goto("about:blank")  # whatever the old page still does ends here
            self.idle[key].append(page)
        self.busy.clear()
