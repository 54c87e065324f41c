"""Every page in a real browser that cannot reach anything but the site itself."""

from pathlib import Path

import pytest
from playwright.sync_api import TimeoutError
from tabs import served

SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
LOOKS = [("phone", "light"), ("desktop", "dark")]
# Each widget fills the place that is kept free for it; the curves' findings come a
# moment after the widget, and a smoke run has fewer of them.
FILLED = """() => [...document.querySelectorAll('.pw-host')].every(host =>
  'ready' in host.dataset && parseFloat(getComputedStyle(host).minHeight)
  < host.querySelector('.pw').offsetHeight + 160)
"""


@pytest.fixture(scope="module")
def site(smoke_book):
    """Serve the book on this machine and return its address."""
    with served(smoke_book) as address:
        yield address


@pytest.fixture(scope="module")
def names(smoke_book) -> list[str]:
    folder = Path(smoke_book)
    pages = sorted(folder.glob("chapters/**/*.html"))
    return [path.relative_to(folder).as_posix() for path in pages] + ["search.html"]


@pytest.fixture
def visit(tabs, site):
    """Return a function that opens a page on a phone; gives it and what goes wrong."""

    def opened(name):
        tabs.rest()
        return tabs.open(site, name, SIZES["phone"])

    yield opened
    tabs.rest()


def look(page, size, theme) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=theme)
    page.wait_for_function(  # the theme follows a moment later
        "name => document.documentElement.dataset.theme === name", arg=theme
    )


def test_pages_work_cut_off_from_the_network(visit, names):
    """On a phone, and on a desktop in the dark."""
    seen_math = 0
    for name in names:
        page, wrong = visit(name)
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
    assert seen_math


def test_the_test_sees_a_request_outside(visit, names):
    """A page that asks another host must be caught, or the test above shows nothing."""
    page, wrong = visit(names[0])
    page.evaluate("document.fonts.ready.then(() => true)")
    assert not wrong
    page.evaluate(
        "document.body.append(Object.assign(new Image(), {src: '//a.test/x'}))"
    )
    page.wait_for_timeout(300)
    assert any("a.test" in line for line in wrong)


def test_drawings_change_with_the_theme(visit, smoke_book, names):
    """The ink of a figure is dark on the light theme and light on the dark one."""
    drawn = [
        name
        for name in names
        if 'class="figure-drawing' in (smoke_book / name).read_text("utf8")
    ]
    assert len(drawn) > 10
    page, _ = visit(drawn[0])
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
