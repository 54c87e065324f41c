"""Set the SVG figures of the cells into the page, so that they follow its theme.

An SVG file in an `<img>` cannot see the page's style sheet. Set into the page, its
colors of the palette become the custom properties that `pretrain.style.css` defines for
the light and the dark theme, which is written here as a style sheet. The alt text
becomes the label of the drawing.
"""

import importlib.util
import re
from html import unescape
from pathlib import Path

IMAGE = re.compile(r'<img\b[^>]*\bsrc="([^"]*_images/([0-9a-f]{64})\.svg)"[^>]*>')


def style_module(root):
    """Load `pretrain/style.py` by its path: the theme needs nothing else of it."""
    path = Path(root) / "pretrain" / "style.py"
    spec = importlib.util.spec_from_file_location("book_style", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def attribute(tag: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return found.group(1) if found else ""


def inline(svg: str, label: str, number: int, style) -> str:
    """Return an SVG file's drawing as an element of a page.

    Ids are made distinct by `number`; the drawing is one image to a screen reader.
    """
    svg = svg[svg.index("<svg") :]
    # a style sheet in a drawing would act on the whole page; the book's has its rule
    svg = re.sub(r"<(metadata|style)\b.*?</\1>|<!--.*?-->", "", svg, flags=re.S)
    svg = re.sub(r">\s+<", "><", re.sub(r"\s*\n\s*", " ", svg))
    svg = re.sub(r'(\bid="|"#|url\(#)', rf"\g<1>f{number}-", svg)
    svg = style.follow_theme(svg)
    head, rest = svg.split(">", 1)
    width = float(re.search(r'width="([\d.]+)pt"', head).group(1))
    head = re.sub(r'\s(width|height|version|xmlns(:\w+)?)="[^"]*"', "", head)
    size = f"width: {width / 12:.1f}rem"  # 1 pt is drawn as 1/12 rem: 10 pt as 13 px
    name = f'role="img" aria-label="{label}"' if label else 'aria-hidden="true"'
    return f'{head} class="figure-drawing" style="{size}" {name}>{rest}'


def set_figures(app, pagename, templatename, context, doctree):
    if "body" not in context or "_images/" not in context["body"]:
        return
    number = 0

    def replace(found):
        nonlocal number
        source = Path(app.outdir).parent / "jupyter_execute" / f"{found.group(2)}.svg"
        if not source.exists():
            return found.group(0)
        number += 1
        label = attribute(found.group(0), "alt")
        if unescape(label).endswith(".svg"):  # docutils' stand-in for no alt text
            label = ""
        return inline(source.read_text("utf8"), label, number, app.book_style)

    context["body"] = IMAGE.sub(replace, context["body"])


def write_style_sheet(app, exception=None):
    if exception is None and app.builder.format == "html":
        folder = Path(app.outdir) / "_static"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "palette.css").write_text(app.book_style.css(), "utf8")


def start(app):
    app.book_style = style_module(app.srcdir)
    write_style_sheet(app)
    app.add_css_file("palette.css")


def setup(app):
    app.connect("builder-inited", start)
    app.connect("html-page-context", set_figures)
    app.connect("build-finished", write_style_sheet)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
