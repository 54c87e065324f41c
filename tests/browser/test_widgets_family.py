"""What holds for every widget of the book, on the page that its own test file shows.

Sizes, colors, labels, the picture that stands in, the place that is kept free; and that
one class works in a page, from a file, and as the ES module that a notebook loads.
"""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from pretrain.widgets import base

HOST_HEIGHT = """() => {
  const host = document.querySelector('.pw-host');
  const kept = parseFloat(getComputedStyle(host).minHeight);
  return [kept, host.querySelector('.pw').offsetHeight];
}"""
MOVING = """() => [...document.querySelectorAll('.pw *')].filter(part => {
  const style = getComputedStyle(part);
  return parseFloat(style.animationDuration) || parseFloat(style.transitionDuration);
}).length"""
INSIDE = """svg => {
  const frame = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('*')].every(part => {
    const box = part.getBoundingClientRect();
    return box.right <= frame.right + 1 && box.bottom <= frame.bottom + 1;
  });
}"""
AS_A_NOTEBOOK = """async (source) => {
  const url = URL.createObjectURL(new Blob([source], {type: "text/javascript"}));
  const widget = (await import(url)).default;
  const saved = pretrainWidgets.model("w0");
  const model = Object.fromEntries(["get", "set", "on", "save_changes"]
    .map((name) => [name, (...values) => saved[name](...values)]));
  const el = document.createElement("div");
  document.querySelector(".pw-host").after(el);
  const stop = await widget.render({model, el});
  const text = el.innerText;
  stop?.();
  return text;
}"""
FOCUS = """() => {
  const at = document.activeElement;
  if (!document.querySelector('.pw').contains(at)) return null;
  const style = getComputedStyle(at);
  return style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth);
}"""
# Of texts that differ in nothing that makes a contrast, three are looked at: to find
# what is behind a text takes longer than everything else.
MARK_LOOKS = """() => {
  const seen = new Map();
  for (const part of document.querySelectorAll('.pw-host *')) {
    if (![...part.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
      continue;
    const {color, fill, fontSize, fontWeight} = getComputedStyle(part);
    const looks = [part.tagName, color, fill, fontSize, fontWeight];
    for (let at = part; at; at = at.parentElement) {
      const {backgroundColor, backgroundImage, opacity} = getComputedStyle(at);
      looks.push(backgroundColor, backgroundImage, opacity);
    }
    const look = looks.join(), count = seen.get(look) ?? 0;
    seen.set(look, count + 1);
    if (count < 3) part.dataset.look = "";
  }
}"""
CONTRAST = "color-contrast"
HERE = Path(__file__).parent
NAMES = sorted(
    path.stem.removeprefix("test_widgets_")
    for path in HERE.glob("test_widgets_*.py")
    if re.search(r"(?m)^def demo\(", path.read_text("utf8"))
)
LOOKS = [("desktop", "light"), ("phone", "dark")]


def test_every_widget_has_a_page(root):
    """A module of widgets that no test shows would pass every test below."""
    folder = root / "pretrain" / "widgets"
    modules = {path.stem for path in folder.glob("*.js")} - {"kit"}
    assert modules <= set(NAMES)


@pytest.mark.parametrize(("size", "theme"), LOOKS)
@pytest.mark.parametrize("name", NAMES)
def test_it_fits_and_axe_finds_nothing(open_page, name, size, theme):
    page = open_page(name, size, theme)
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # The first widget of a page is the one whose height the class tells.
    kept, used = page.evaluate(HOST_HEIGHT)
    # 24 px: a line may break elsewhere in another machine's font
    assert kept - 120 <= used <= kept + 24, f"heights: {kept}, but it is {used} high"
    page.evaluate("document.querySelectorAll('.pw details').forEach(d => d.open = 1)")
    page.evaluate(MARK_LOOKS)
    only = {"runOnly": {"type": "rule", "values": [CONTRAST]}}
    assert axe(page, "[data-look]", **only) > 0
    if theme == "light":  # the other rules do not ask for colors
        others = {"rules": {CONTRAST: {"enabled": False}}}
        assert axe(page, ".pw-host", **others) > 5


def axe(page, place, **options) -> int:
    """Return how many rules found nothing wrong at `place`; one that did fails."""
    # preload would fetch imported style sheets again, from a wrong place
    # of what passes one place a rule is enough: naming them all takes most of the time
    options |= {"preload": False, "resultTypes": ["violations"]}
    found = Axe().run(page, context={"include": [[place]]}, options=options)
    assert not found.violations_count, found.generate_report()
    return len(found.response["passes"])


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_same_from_a_file_and_in_a_notebook(open_page, name):
    """From the disk, and as one ES module with a model that can do no more than
    get, set, on and save_changes."""
    page = open_page(name)
    served = page.locator(".pw").all_inner_texts()
    assert page.evaluate(AS_A_NOTEBOOK, base.module(name)) == served[0] != ""
    page = open_page(name, files=True)
    assert page.locator(".pw").all_inner_texts() == served


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_stands_in(open_page, name):
    """Without JavaScript, and on paper, there is a picture with its sentence."""
    page = open_page(name, scripts=False)
    pictures = page.locator(".pw-host > svg")
    assert pictures.count() == page.locator(".pw-host").count() > 0
    for picture in pictures.all():
        assert picture.is_visible()
        assert len(picture.get_attribute("aria-label")) > 30
        assert picture.get_attribute("role") == "img"
        assert picture.evaluate(INSIDE), "the drawing reaches beyond its edge"


@pytest.mark.parametrize("name", NAMES)
def test_keys_motion_and_paper(open_page, name):
    """Each stop of the Tab key shows its focus; nothing moves for those who ask."""
    page = open_page(name)
    page.evaluate("document.querySelector('.pw').tabIndex = -1")
    page.evaluate("document.querySelector('.pw').focus()")
    stops = 0
    for _ in range(60):
        page.keyboard.press("Tab")
        outline = page.evaluate(FOCUS)
        if outline is None:
            break
        assert outline >= 2
        stops += 1
    assert 2 <= stops < 60, f"{stops} stops of the Tab key in one widget"
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(MOVING) == 0
    assert not page.locator(".pw-host > svg").first.is_visible()
    page.emulate_media(media="print")
    assert page.locator(".pw-host > svg").first.is_visible()
    assert not page.locator(".pw").first.is_visible()


@pytest.mark.parametrize("name", NAMES)
def test_the_code_is_small(widget_site, name):
    """At most 60 KB of our code, style and loader on the page of one widget."""
    html = (widget_site / f"{name}.html").read_text("utf8")
    files = set(re.findall(r"_static/(widgets/[\w.-]+\.(?:js|css))", html))
    assert {"widgets/kit.js", "widgets/loader.js", f"widgets/{name}.js"} <= files
    code = [file for file in files if not file.startswith("widgets/state-")]
    size = sum((widget_site / "_static" / file).stat().st_size for file in code)
    assert size <= 60 * 1024, f"{size} bytes"


@pytest.mark.parametrize("name", NAMES)
def test_the_state_is_there_once_and_holds_no_code(widget_site, name):
    html = (widget_site / f"{name}.html").read_text("utf8")
    if "widgets/state-" not in html:
        assert html.count('class="pw-state"') == 1
    assert "_esm" not in html and "export default" not in html
    assert "jupyter.widget-state" not in html


def test_a_page_run_by_a_kernel_has_its_widget(open_page):
    page = open_page("executed")
    assert page.locator(".pw").count() == 1
    assert page.locator(".pw input[type=range]").first.input_value() == "0.5"


BROKEN = {
    "it throws": "pretrainWidgets.add('masking', () => { throw Error('no luck'); });",
    "it is not there": "",
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_script_that_fails_leaves_the_picture(chrome, widget_server, how):
    page = chrome.new_page()
    answer = {"body": BROKEN[how], "content_type": "text/javascript"}
    page.route("**/widgets/masking.js*", lambda route: route.fulfill(**answer))
    page.goto(f"{widget_server}executed.html")
    page.get_by_text("This widget could not start").wait_for()
    assert page.locator(".pw-host > svg").is_visible()
    page.close()


def test_scripts_may_be_limited_to_the_site(chrome, widget_server):
    """Under a policy that allows the site's own scripts, and no eval, blob or data."""
    page, wrong = chrome.new_page(), []
    policy = "script-src 'self' 'unsafe-inline'"  # inline: the theme's own

    def limited(route):
        answer = route.fetch()
        headers = answer.headers | {"content-security-policy": policy}
        route.fulfill(response=answer, headers=headers)

    page.route("**/executed.html", limited)
    page.on("console", lambda line: wrong.append(line.text))
    page.goto(f"{widget_server}executed.html")
    page.locator(".pw-host[data-ready] .pw").wait_for()
    assert not [text for text in wrong if "Content Security Policy" in text]
    # the policy holds: a script of the same page may not evaluate a text
    page.evaluate(
        """setTimeout(() => {
          try { eval('1'); window.ran = 'ran'; } catch { window.ran = 'refused'; }
        })"""
    )
    page.wait_for_function("window.ran")
    assert page.evaluate("window.ran") == "refused"
    page.close()


def test_large_state_has_a_file_of_its_own(widget_site):
    html = (widget_site / "masking.html").read_text("utf8")
    assert len(re.findall(r"widgets/state-[0-9a-f]{16}\.js", html)) == 1
    assert "pw-state" not in html and "word word word word" not in html
    html = (widget_site / "executed.html").read_text("utf8")
    assert html.count('class="pw-state"') == 1 and "widgets/state-" not in html


def test_pages_without_widgets_load_none_of_it(widget_site):
    assert "_static/widgets/" not in (widget_site / "index.html").read_text("utf8")
