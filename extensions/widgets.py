"""Mount the package's widgets in the built page: no kernel, no CDN, no module loading.

A page holds the state of its widgets once, without their code. The code is taken from
`pretrain/widgets` as it is now (so that an edit of JavaScript needs no page to run
again) and served as classic scripts, which a browser also loads from `file://`:
`export default …` becomes a registration. State of more than 32 KB goes into a script
of its own beside the page, and so does what a widget needs only when a reader asks for
it (`const files = () => {…};`). A page gets the style of its own widgets, scripts and
styles without comments and idle blanks. Where no script runs, the widget's SVG picture
is shown.
"""

import hashlib
import json
import re
from html import escape
from pathlib import Path

import compact
from docutils import nodes
from sphinx.util import logging

VIEW = "application/vnd.jupyter.widget-view+json"
INLINE = 32 * 1024
PREFIX = "pretrain.widgets."
LOADER = Path(__file__).with_suffix(".js")
STATE = re.compile(r'<script type="application/json" class="pw-state">(.*?)</script>')
BESIDE = re.compile(r"(?ms)^const files = \(\) => \{\n(.*?)^\};\n")
logger = logging.getLogger(__name__)


def folder(app) -> Path:
    return Path(app.srcdir) / "pretrain" / "widgets"


def name_of(state: dict) -> str | None:
    """Return the name of a widget of the package, such as "masking"."""
    identity = state.get("_anywidget_id", "")
    return identity.split(".")[-2] if identity.startswith(PREFIX) else None


def own_traits(state: dict) -> dict:
    """Return what the widget itself synchronizes: no code, no machinery of Jupyter."""
    machinery = {"layout", "tabbable", "tooltip"}
    private = re.compile("_(esm|css|anywidget|dom|view|model)")
    machinery |= {key for key in state if private.match(key)}
    return {key: state[key] for key in sorted(state.keys() - machinery)}


def classic(source: str, name: str) -> str:
    """Return a widget's ES module as a classic script that registers it."""
    body, found = re.subn(r"(?m)^export default ", "return ", source)
    if found != 1 or re.search(r"(?m)^\s*(import|export)\b", body):
        raise ValueError(f"{name}.js must have one `export default` and no imports")
    return f"pretrainWidgets.add({json.dumps(name)}, () => {{\n{body}}});\n"


def apart(source: str, name: str) -> tuple[str, str]:
    """Return a module without its `files`, which it then loads, and their script."""
    found = BESIDE.search(source)
    if found is None:
        return source, ""
    load = f'const files = () => pretrainWidgets.beside("{name}-files");\n'
    body = found.group(1)
    script = f'pretrainWidgets.add("{name}-files", () => {{\n{body}}});\n'
    return source[: found.start()] + load + source[found.end() :], script


def styles(css: str, scripts: dict[str, str]) -> dict[str, str]:
    """Return the style sheet in parts: what all share, and each widget's own.

    A part begins with its title, a comment. Those after "The built page" belong to the
    widgets whose script names the part's first class.
    """
    parts = re.split(r"(?m)^(?=/\* )", css)
    own = next(i for i, part in enumerate(parts) if part.startswith("/* The built")) + 1
    made = {"widgets": "".join(parts[:own])}
    for name, script in scripts.items():
        mine = [p for p in parts[own:] if re.search(r"pw-\w+", p).group() in script]
        made[name] = "".join(mine)
    return made


def host(model_id: str, name: str, heights, picture: str) -> str:
    wide, phone = heights
    return (
        f'<div class="pw-host" data-model="{escape(model_id)}" data-widget="{name}" '
        f'style="--pw-height: {wide}px; --pw-height-phone: {phone}px">{picture}</div>'
    )


def picture_in(app, bundle) -> str:
    """Return the SVG alternative of an output, in the colors of the page's theme."""
    for image in bundle.findall(nodes.image):
        path = Path(app.outdir).parent / "jupyter_execute" / Path(image["uri"]).name
        if path.suffix == ".svg" and path.is_file():
            svg = path.read_text("utf8").replace("\n", " ")
            svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
            return app.book_style.follow_theme(svg)
    return ""


def set_hosts(app, doctree):
    """Put a place for each widget, and one state for all, into a page as it is read."""
    data = getattr(app.env, "nb_metadata", {}).get(app.env.docname, {})
    saved = data.get("js_files", {}).pop("ipywidgets_state", None)
    if saved is None:
        return
    models, kept = json.loads(saved[1]["body"])["state"], {}
    for bundle in list(doctree.findall(nodes.container)):
        views = [child for child in bundle.children if mime(child) == VIEW]
        if bundle.get("nb_element") != "mime_bundle" or not views:
            continue
        found = re.search(r'"model_id":\s*"(\w+)"', views[0].astext())
        model = models.get(found.group(1), {}) if found else {}
        name = name_of(model.get("state", {}))
        if name is None:
            logger.warning("only widgets of pretrain.widgets work in a page without "
                           "a kernel", location=bundle)
            continue
        number = f"w{len(kept)}"
        for seen, (key, _) in kept.items():
            number = seen if key == found.group(1) else number
        state = own_traits(model["state"])
        buffers = model.get("buffers", [])
        kept[number] = found.group(1), {"state": state, "buffers": buffers}
        heights = state.pop("_heights")
        html = host(number, name, heights, picture_in(app, bundle))
        bundle.replace_self(nodes.raw("", html, format="html"))
    text = json.dumps({key: value for key, (_, value) in kept.items()}, sort_keys=True)
    text = text.replace("</", "<\\/").replace("<!--", "<\\!--")
    script = f'<script type="application/json" class="pw-state">{text}</script>'
    doctree.append(nodes.raw("", script, format="html"))


def mime(node) -> str:
    return node.get("mime_type", "") if isinstance(node, nodes.Element) else ""


def load_scripts(app, pagename, templatename, context, doctree):
    """Have a page load the scripts of the widgets that are on it, and no others."""
    body = context.get("body", "")
    names = sorted(set(re.findall(r'class="pw-host"[^>]*data-widget="(\w+)"', body)))
    if not names:
        return
    target = Path(app.outdir) / "_static" / "widgets"
    target.mkdir(parents=True, exist_ok=True)
    files = {"kit": (folder(app) / "kit.js").read_text("utf8")}
    files["loader"] = LOADER.read_text("utf8")
    sources = {name: (folder(app) / f"{name}.js").read_text("utf8") for name in names}
    for name, source in sources.items():
        source, beside = apart(source, name)
        files[name] = classic(source, name)
        if beside:
            write(target / f"{name}-files.js", compact.script(beside))
    large = STATE.search(body)
    if large and len(large.group(1)) > INLINE:
        key = hashlib.sha256(large.group(1).encode()).hexdigest()[:16]
        files[f"state-{key}"] = f"pretrainWidgets.state({large.group(1)});\n"
        context["body"] = STATE.sub("", body)
        names.append(f"state-{key}")
    css = (folder(app) / "widgets.css").read_text("utf8")
    for name, text in styles(css, sources).items():
        write(target / f"{name}.css", compact.style(text))
        app.add_css_file(f"widgets/{name}.css")
    for name in ["kit", "loader", *names]:
        text = files[name]
        small = text if name.startswith("state-") else compact.script(text)
        write(target / f"{name}.js", small)
        app.add_js_file(f"widgets/{name}.js", loading_method="defer", priority=900)


def write(path: Path, text: str):
    if not path.exists() or path.read_text("utf8") != text:
        path.write_text(text, "utf8")


def setup(app):
    app.connect("doctree-read", set_hosts, priority=400)  # before images are collected
    app.connect("html-page-context", load_scripts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
