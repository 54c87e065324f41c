"""Every page in a real browser that cannot reach anything but the site itself."""

import functools
import http.server
import threading
from pathlib import Path

import pytest
from playwright.sync_api import TimeoutError, sync_playwright
from widget_site import PATIENCE, Silent

SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
LOOKS = [("phone", "light"), ("desktop", "dark")]
# Names resolve to nothing, so a request to another host fails and is reported.
CUT_OFF = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    CUT_OFF,
]
# Each widget fills the place that is kept free for it; the curves' findings come a
# moment after the widget, and a smoke run has fewer of them.
FILLED = """() => [...document.querySelectorAll('.pw-host')].every(host =>
  'ready' in host.dataset && parseFloat(getComputedStyle(host).minHeight)
  < host.querySelector('.pw').offsetHeight + 160)
"""


@pytest.fixture(scope="module")
def site(smoke_book):
    """Serve the book on this machine and return its address."""
    handler = functools.partial(Silent, directory=smoke_book)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as tools:
        browser = tools.chromium.launch(
            executable_path=chromium, args=QUIET, timeout=PATIENCE
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def names(smoke_book) -> list[str]:
    folder = Path(smoke_book)
    pages = sorted(folder.glob("chapters/**/*.html"))
    return [path.relative_to(folder).as_posix() for path in pages] + ["search.html"]


@pytest.fixture(scope="module")
def context(browser):
    """One for all pages: scripts are read once, as in a reader's browser."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


def look(page, size, theme) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=theme)
    if page.url != "about:blank":  # the theme follows a moment later
        page.wait_for_function(
            "name => document.documentElement.dataset.theme === name", arg=theme
        )


def visit(context, address):
    """Open a page on a phone; return it with what goes wrong in it."""
    page, wrong = context.new_page(), []
    look(page, "phone", "light")
    base = address.split("/", 3)[:3]

    def note_request(request):
        here = request.url.split("/", 3)[:3] == base
        if not here and not request.url.startswith(("data:", "blob:")):
            wrong.append(f"asked for {request.url}")

    page.on("request", note_request)
    page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url}"))
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on(
        "console",
        lambda line: wrong.append(line.text) if line.type == "error" else None,
    )
    page.on(
        "response",
        lambda got: wrong.append(f"{got.status}: {got.url}") if got.status > 399 else 0,
    )
    page.goto(address, wait_until="load")
    return page, wrong


def test_pages_work_cut_off_from_the_network(context, site, names):
    """On a phone, and on a desktop in the dark."""
    seen_math = 0
    for name in names:
        page, wrong = visit(context, site + name)
        math = page.locator("article .math").count()
        if math:
            page.wait_for_function("window.MathJax?.startup?.promise !== undefined")
            page.evaluate("MathJax.startup.promise")
            # one container each: a formula left as TeX would have none
            missing = page.evaluate(
                """() => [...document.querySelectorAll('article .math')]
                .filter(math => !math.querySelector('mjx-container'))
                .map(math => math.textContent)"""
            )
            assert not missing, f"{name} leaves {missing} as TeX"
            broken = page.locator("mjx-merror, [data-mjx-error]").all_text_contents()
            assert not broken, f"{name} has formulas in error: {broken}"
            seen_math += math
        for size, theme in LOOKS:
            look(page, size, theme)
            try:
                page.wait_for_function(FILLED, timeout=20_000)
            except TimeoutError:
                pytest.fail(f"{name}, {size}: a place stays empty below a widget")
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= SIZES[size][0], f"{name} is {width} pixels wide"
        page.evaluate("document.fonts.ready.then(() => true)")
        assert not wrong, f"{name}: {wrong}"
        page.close()
    assert seen_math


def test_the_test_sees_a_request_outside(context, site, names):
    """A page that asks another host must be caught, or the test above shows nothing."""
    page, wrong = visit(context, site + names[0])
    page.evaluate("document.fonts.ready.then(() => true)")
    assert not wrong
    page.evaluate(
        "document.body.append(Object.assign(new Image(), {src: '//a.test/x'}))"
    )
    page.wait_for_timeout(300)
    assert any("a.test" in line for line in wrong)
    page.close()


def test_drawings_change_with_the_theme(context, site, smoke_book, names):
    """The ink of a figure is dark on the light theme and light on the dark one."""
    drawn = [
        name
        for name in names
        if 'class="figure-drawing' in (smoke_book / name).read_text("utf8")
    ]
    assert len(drawn) > 10
    page, _ = visit(context, site + drawn[0])
    assert page.locator("svg.figure-drawing").count()
    fits = page.evaluate(
        """() => [...document.querySelectorAll('svg.figure-drawing')]
        .every(svg => svg.getBoundingClientRect().width <= innerWidth)"""
    )
    assert fits, f"{drawn[0]}: a figure is wider than the phone"
    ink = set()
    for theme in ("light", "dark"):
        look(page, "phone", theme)
        ink.add(
            page.evaluate(
                """() => {
                  const probe = document.createElement('i');
                  probe.style.color = 'var(--color-ink)';
                  document.body.append(probe);
                  return getComputedStyle(probe).color;
                }"""
            )
        )
    assert len(ink) == 2
    page.close()
