"""Say how long the cells of a page take, as measured when they last ran.

The role ``{execution-time}`this page` `` (or the name of another page) becomes a
duration in words; the directive ``{execution-times}`` becomes a table of all pages and
of what they ran on. Both are filled in when every page has been read, so they hold on
the first build too, and they repeat from build to build while the outputs do.
"""

import importlib.metadata
import os
import platform

from docutils import nodes
from docutils.parsers.rst import Directive
from page_key import device_kind
from sphinx.util import logging

THIS_PAGE = "this page"
VERSIONS = ("torch", "numpy", "matplotlib", "tokenizers", "jupyter-book")
logger = logging.getLogger(__name__)


class time_of(nodes.Inline, nodes.TextElement):
    """Stands for a page's duration until all of them are known."""


class table_of_times(nodes.General, nodes.Element):
    """Stands for the table until all pages have been read."""


def role(name, rawtext, text, lineno, inliner, options=None, content=None):
    return [time_of(page=text)], []


class ExecutionTimes(Directive):
    def run(self):
        return [table_of_times()]


def seconds(env, page) -> float | None:
    """Return how long the cells of a page took, or None where it has no cells."""
    data = getattr(env, "nb_metadata", {}).get(page, {}).get("exec_data")
    return data["runtime"] if data else None


def in_words(duration: float) -> str:
    """Return seconds as a person would say them."""
    whole = max(1, round(duration))
    if whole < 90:
        return f"{whole} second{'' if whole == 1 else 's'}"
    return f"{whole // 60} min {whole % 60} s"


def in_reading_order(env):
    order = [env.config.root_doc]
    relations = env.collect_relations()
    while (following := relations.get(order[-1], [None] * 3)[2]) is not None:
        order.append(following)
    return order


def table(rows, head):
    """Return a docutils table; a cell is a text or a list of nodes."""

    def row(cells):
        entries = []
        for cell in cells:
            inline = [nodes.Text(cell)] if isinstance(cell, str) else cell
            entries.append(nodes.entry("", nodes.paragraph("", "", *inline)))
        return nodes.row("", *entries)

    columns = [nodes.colspec(colwidth=1) for _ in head]
    group = nodes.tgroup("", *columns, cols=len(head))
    group += nodes.thead("", row(head))
    group += nodes.tbody("", *(row(cells) for cells in rows))
    return nodes.table("", group, classes=["execution-times"])


def fill(app, doctree, docname):
    env = app.env
    for node in list(doctree.findall(time_of)):
        page = docname if node["page"] == THIS_PAGE else node["page"].strip("/")
        duration = seconds(env, page)
        if duration is None:
            logger.warning("no cells were run for the page %r", page, location=docname)
            duration = 0
        node.replace_self(nodes.Text(in_words(duration)))
    for node in list(doctree.findall(table_of_times)):
        pages = [p for p in in_reading_order(env) if seconds(env, p) is not None]
        rows = []
        for page in pages:
            link = nodes.reference(
                "",
                env.titles[page].astext(),
                internal=True,
                refuri=app.builder.get_relative_uri(docname, page),
            )
            rows.append([[link], f"{seconds(env, page):.1f}"])
        total = sum(seconds(env, page) for page in pages)
        rows.append(["All pages", f"{total:.1f}"])
        facts = [["Python", platform.python_version()]]
        facts += [[name, importlib.metadata.version(name)] for name in VERSIONS]
        facts += [["device", device_kind()], ["cores", str(os.cpu_count())]]
        facts += [["budget", os.environ.get("PRETRAIN_BUDGET") or "that of the device"]]
        node.replace_self(
            [table(rows, ["Page", "Seconds"]), table(facts, ["What", "Which"])]
        )


def note_change(app, env, docname):
    """A page is purged before it is read again, and when it is gone."""
    app.any_page_changed = True


def pages_with_others_times(app, env):
    """Have the pages written again that tell others' times, once a page changed."""
    shown = getattr(env, "pages_with_others_times", set())
    return sorted(shown & set(env.all_docs)) if app.any_page_changed else []


def note_page(app, doctree):
    """A page that tells its own time alone is written again when it is read again."""
    others = any(node["page"] != THIS_PAGE for node in doctree.findall(time_of))
    if not hasattr(app.env, "pages_with_others_times"):
        app.env.pages_with_others_times = set()
    if others or any(doctree.findall(table_of_times)):
        app.env.pages_with_others_times.add(app.env.docname)
    else:
        app.env.pages_with_others_times.discard(app.env.docname)


def setup(app):
    app.add_node(time_of)
    app.add_node(table_of_times)
    app.add_role("execution-time", role)
    app.add_directive("execution-times", ExecutionTimes)
    app.connect("doctree-read", note_page)
    app.connect("doctree-resolved", fill)
    app.any_page_changed = False
    app.connect("env-purge-doc", note_change)
    app.connect("env-updated", pages_with_others_times)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
