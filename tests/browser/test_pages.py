"""Every page in a real browser that cannot reach anything but the site itself."""

import functools
import http.server
import threading
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright
from widget_site import PATIENCE, Silent

SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
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


def visit(browser, address, size, theme):
    """Open a page; return it with what went wrong while it loaded."""
    context = browser.new_context(
        viewport=dict(zip(("width", "height"), SIZES[size], strict=True)),
        color_scheme=theme,
    )
    context.set_default_timeout(PATIENCE)
    page, wrong = context.new_page(), []
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
    page.wait_for_load_state("networkidle")
    return page, wrong


@pytest.mark.parametrize(
    ("size", "theme"), [("phone", "light"), ("desktop", "dark")]
)
def test_pages_work_cut_off_from_the_network(browser, site, names, size, theme):
    seen_math = 0
    for name in names:
        page, wrong = visit(browser, site + name, size, theme)
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
        assert not wrong, f"{name}: {wrong}"
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= SIZES[size][0], f"{name} is {width} pixels wide"
        page.context.close()
    assert seen_math


def test_the_test_sees_a_request_outside(browser, site, names):
    """A page that asks another host must be caught, or the test above shows nothing."""
    page, wrong = visit(browser, site + names[0], "desktop", "light")
    assert not wrong
    page.evaluate(
        "document.body.append(Object.assign(new Image(), {src: '//a.test/x'}))"
    )
    page.wait_for_timeout(300)
    assert any("a.test" in line for line in wrong)
    page.context.close()


def test_drawings_change_with_the_theme(browser, site, names):
    """The ink of a figure is dark on the light theme and light on the dark one."""
    ink = {}
    for theme in ("light", "dark"):
        for name in names:
            page, _ = visit(browser, site + name, "phone", theme)
            if page.locator("svg.figure-drawing").count():
                ink[theme] = page.evaluate(
                    """() => {
                      const probe = document.createElement('i');
                      probe.style.color = 'var(--color-ink)';
                      document.body.append(probe);
                      return getComputedStyle(probe).color;
                    }"""
                )
                fits = page.evaluate(
                    """() => [...document.querySelectorAll('svg.figure-drawing')]
                    .every(svg => svg.getBoundingClientRect().width <= innerWidth)"""
                )
                assert fits, f"{name}: a figure is wider than the phone"
                page.context.close()
                break
            page.context.close()
    assert ink["light"] != ink["dark"]
