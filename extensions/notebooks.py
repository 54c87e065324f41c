"""Publish each page as a notebook, and the package as a wheel that it can install.

Jupyter Book's own Colab button points at the Markdown source, which Colab cannot open.
Here jupytext makes an `.ipynb` without outputs of every page with cells; it goes to
`notebooks/` in the site, and its first cell installs the package. The button points at
that file on the branch where the site is published, and the download button at the same
file beside the page. All addresses follow from `repository` in `_config.yml`.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
from docutils import nodes
from execution_times import THIS_PAGE, in_words, seconds
from minus_signs import printed
from plain_markdown import plain

from labs import address, master
from labs import title as lab_title

ABOUT = ("README.md", "LICENSE")  # what pyproject.toml takes into the wheel
INSTALL = """# Colab only: install the book's package and what its widgets need.
# Where it is installed already, skip this cell.
%pip install -q 'pretrain[labs] @ {address}'"""


def repository(app) -> str:
    return app.config.html_theme_options["repository_url"].rstrip("/")


def published(app, path: str) -> str:
    """Return the address of a file of the published site, as raw content."""
    return f"{repository(app)}/raw/{app.config.publication_branch}/{path}"


def is_notebook(app, page) -> bool:
    return "kernelspec" in app.env.metadata.get(page, {})


def measured(app, page) -> dict:
    """Return the values that the cells of a page handed to its text, as texts."""
    path = Path(app.outdir).parent / "jupyter_execute" / f"{page}.glue.json"
    glued = json.loads(path.read_text("utf8")) if path.exists() else {}
    values = {name: output["data"] for name, output in glued.items()}
    return {name: data.get("text/plain", "") for name, data in values.items()}


def roles(app, page) -> dict:
    """Return, by a role's name, how its content reads in a notebook."""
    values = measured(app, page)
    entries = app.env.get_domain("cite").bibdata.data.entries

    def number(content):
        name, _, form = content.partition(":")
        value = values.get(name, name)
        return printed(format(float(value), form) if form else value.strip("'"))

    def cited(key):
        people = [" ".join(p.last_names) for p in entries[key].persons["author"]]
        named = people[0] if len(people) == 1 else " and ".join(people)
        named = f"{people[0]} et al." if len(people) > 2 else named
        return named, entries[key].fields["year"]

    def in_brackets(keys):
        found = (cited(key.strip()) for key in keys.split(","))
        return f"({'; '.join(f'{name}, {year}' for name, year in found)})"

    def in_text(keys):
        found = (cited(key.strip()) for key in keys.split(","))
        return ", ".join(f"{name} ({year})" for name, year in found)

    def time(content):
        name = page if content == THIS_PAGE else content.strip("/")
        return in_words(seconds(app.env, name) or 0)

    def title(target):
        path = "/" + str(Path(page).parent / target) if target[0] != "/" else target
        name = os.path.normpath(path).lstrip("/")
        return app.env.titles[name].astext() if name in app.env.titles else target

    def lab(content):
        path = master(Path(app.srcdir), content)
        return f"[{lab_title(path)}]({address(app, path)})"

    return {
        "glue:text": number,
        "cite:p": in_brackets,
        "cite:t": in_text,
        "execution-time": time,
        "doc": title,
        "eq": "({})".format,
        "lab": lab,
        "numref": "figure {}".format,
    }


def as_notebook(app, page) -> str:
    """Return a page as the text of a notebook that starts by installing the package."""
    source = Path(app.env.doc2path(page)).read_text("utf8")
    notebook = jupytext.reads(source, fmt="md:myst")
    folder, texts = Path(app.env.doc2path(page)).parent, roles(app, page)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = plain(cell.source, folder, texts).strip()
    notebook.cells = [cell for cell in notebook.cells if cell.source]
    cell = nbformat.v4.new_code_cell(INSTALL.format(address=published(app, wheel(app))))
    notebook.cells.insert(0, cell)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"  # the same in every build
    name = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata = nbformat.from_dict({"kernelspec": name})
    notebook.nbformat_minor = 5
    return nbformat.writes(notebook)


def buttons(app, pagename, templatename, context, doctree):
    if not is_notebook(app, pagename):
        return
    file = f"notebooks/{pagename}.ipynb"
    path = Path(app.outdir) / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(as_notebook(app, pagename), "utf8")
    colab = app.config.html_theme_options["launch_buttons"]["colab_url"]
    place = repository(app).split("//", 1)[1].split("/", 1)[1]
    branch = app.config.publication_branch
    for group in context.get("header_buttons", []):
        for button in group.get("buttons", []):
            if button.get("text") == "Colab":
                button["url"] = f"{colab}/github/{place}/blob/{branch}/{file}"
            if button.get("text") == ".ipynb":
                button["url"] = context["pathto"](file, 1)


def wheel_role(name, rawtext, text, lineno, inliner, options=None, content=None):
    """Link to the wheel: ``{package-wheel}`words` ``."""
    env = inliner.document.settings.env
    up = "../" * env.docname.count("/")
    return [nodes.reference(rawtext, text, refuri=up + wheel(env.app))], []


def sources(root: Path):
    """Return the files that the wheel is made of."""
    found = [path for path in (root / "pretrain").rglob("*") if path.is_file()]
    found = [path for path in found if "__pycache__" not in path.parts]
    return sorted(found) + [root / name for name in ("pyproject.toml", *ABOUT)]


def wheel(app) -> str:
    """Return where in the site the wheel is."""
    for line in (Path(app.srcdir) / "pretrain" / "__init__.py").read_text().split("\n"):
        if line.startswith("__version__"):
            version = line.split('"')[1]
    return f"wheels/pretrain-{version}-py3-none-any.whl"


def build_wheel(app, exception):
    """Build the wheel into the site, unless it was built from these very files."""
    if exception is not None or app.builder.format != "html":
        return
    root, target = Path(app.srcdir), Path(app.outdir) / wheel(app)
    digest = hashlib.sha256()
    for path in sources(root):
        digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    stamp = Path(app.doctreedir) / "wheel.sha256"
    if target.exists() and stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "source"
        for path in sources(root):
            place = copy / path.relative_to(root)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
        command += ["--no-build-isolation", "--no-cache-dir", "-w", folder, str(copy)]
        # one date for all files: the same package is the same wheel
        environment = os.environ | {"SOURCE_DATE_EPOCH": "1577836800"}
        subprocess.run(command, check=True, env=environment, stdin=subprocess.DEVNULL)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((Path(folder) / target.name).read_bytes())
    stamp.write_text(digest.hexdigest())


def setup(app):
    app.add_config_value("publication_branch", "gh-pages", "html")
    app.add_role("package-wheel", wheel_role)
    app.connect("html-page-context", buttons, priority=900)  # after the theme's own
    app.connect("build-finished", build_wheel)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
