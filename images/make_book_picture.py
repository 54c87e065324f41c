"""Remake images/book.png, the README's picture of the built book: make picture.

Shows the first figure of chapter 5 as `_build/html` has it, the light theme beside the
dark one, with Chromium.
"""

import functools
import http.server
import io
import shutil
import sys
import threading
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"
PAGE = "chapters/objectives/05-causal.html"
SIZE = (1120, 780)
FIGURE = "svg.figure-drawing"
SHOW_FIGURE = "figure => scrollTo(0, figure.getBoundingClientRect().top - 330)"


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def photograph(address: str, chromium: str) -> list[Image.Image]:
    """Return the page around its first figure, in the light and in the dark theme."""
    pictures = []
    with sync_playwright() as tools:
        browser = tools.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        for theme in ("light", "dark"):
            page = browser.new_page(
                viewport={"width": SIZE[0], "height": SIZE[1]}, color_scheme=theme
            )
            page.goto(address, wait_until="networkidle")
            page.evaluate("window.MathJax?.startup?.promise")
            page.locator(FIGURE).first.evaluate(SHOW_FIGURE)
            page.wait_for_timeout(500)
            pictures.append(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
        browser.close()
    return pictures


def main():
    if not (SITE / PAGE).is_file():
        sys.exit("There is no book to take a picture of yet: make book")
    if (chromium := shutil.which("chromium")) is None:
        sys.exit("Chromium is needed to take the picture: install it and call again")
    handler = functools.partial(Silent, directory=SITE)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    light, dark = photograph(f"http://127.0.0.1:{server.server_port}/{PAGE}", chromium)
    server.shutdown()
    # light on the left, dark on the right of a slanted cut
    width, height = SIZE
    cut = Image.new("L", SIZE)
    for y in range(height):
        x = int(width * 0.66 - y * 0.18)
        cut.paste(255, (x, y, width, y + 1))
    light.paste(dark, (0, 0), cut)
    light.save(ROOT / "images" / "book.png", optimize=True)


if __name__ == "__main__":
    main()
