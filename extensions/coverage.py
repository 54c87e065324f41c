"""Say where each unit of the source lessons went, from the tables in chapters/coverage.

    units.csv        id, lesson, section, kind, unit       what the lessons hold
    systems.csv      id, kind, name, lessons               what they name
    corrections.csv  id, lessons, topic, kind, says, right, evidence
    05-causal.csv    id, anchor, shown_by, note            what that page covers, where

Directives: ``{lesson-headings} S1`` is a table of a lesson's headings with links to
our sections, ``{lesson-units} S1`` the same unit by unit, ``{named-systems} model`` one
kind of what is named, ``{lesson-corrections} S1`` the errors of a lesson with what is
right. Links are filled in when every page has been read. A row whose page is not in the
table of contents is left out, so that a single page can be built.
"""

import csv
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from docutils.statemachine import StringList
from execution_times import in_reading_order
from sphinx.util.docutils import SphinxDirective

FOLDER = Path(__file__).resolve().parent.parent / "chapters" / "coverage"
LISTS = ("units", "systems", "corrections")
KINDS = {
    "A": "wrong",
    "B": "imprecise",
    "C": "contested or out of date",
    "D": "presentation",
    "-": "no error",
}


class Covered(NamedTuple):
    """One row of a page's table: what it covers, where on it, and what shows it."""

    page: str
    id: str
    anchor: str
    shown_by: str
    note: str


def read(name: str) -> list[dict[str, str]]:
    """The rows of one table of the folder."""
    with open(FOLDER / f"{name}.csv", newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


@cache
def covered() -> dict[str, list[Covered]]:
    """Who covers what: by id, the rows of all pages' tables."""
    found = defaultdict(list)
    for path in sorted(FOLDER.glob("*.csv")):
        if path.stem not in LISTS:
            for row in read(path.stem):
                found[row["id"]].append(Covered(page=path.stem, **row))
    return found


class links_to(nodes.Inline, nodes.TextElement):
    """Stands for the links to all that covers some ids, until all pages are read."""


def cell(*content) -> nodes.entry:
    return nodes.entry("", nodes.paragraph("", "", *content))


def unbroken(identifier: str) -> str:
    """An id with a hyphen at which no line breaks."""
    return identifier.replace("-", "\N{NON-BREAKING HYPHEN}")


def table(head, rows, widths, name) -> nodes.table:
    """A docutils table; a cell is a text or a list of nodes."""

    def row(cells):
        lists = [[nodes.Text(c)] if isinstance(c, str) else c for c in cells]
        return nodes.row("", *(cell(*content) for content in lists))

    columns = [nodes.colspec(colwidth=width) for width in widths]
    group = nodes.tgroup("", *columns, cols=len(widths))
    group += [nodes.thead("", row(head)), nodes.tbody("", *map(row, rows))]
    return nodes.table("", group, classes=["coverage", name])


class Table(SphinxDirective):
    """A directive that is rewritten whenever a page or one of the tables changes."""

    required_arguments = 1

    def run(self):
        for path in FOLDER.glob("*.csv"):
            self.env.note_dependency(str(path))
        if not hasattr(self.env, "pages_with_coverage"):
            self.env.pages_with_coverage = set()
        self.env.pages_with_coverage.add(self.env.docname)
        covered.cache_clear()
        return self.make(self.arguments[0])


class LessonHeadings(Table):
    def make(self, lesson):
        sections = defaultdict(list)
        for unit in read("units"):
            if unit["lesson"] == lesson:
                sections[unit["section"]].append(unit["id"])
        rows = [(heading, [links_to(covers=ids)]) for heading, ids in sections.items()]
        return [table(("heading", "went to"), rows, (40, 60), "headings")]


class LessonUnits(Table):
    def make(self, lesson):
        rows = [
            (unbroken(u["id"]), u["unit"], [links_to(covers=[u["id"]], how=True)])
            for u in read("units")
            if u["lesson"] == lesson
        ]
        return [table(("id", "what it is", "where"), rows, (14, 36, 50), "units")]


class NamedSystems(Table):
    final_argument_whitespace = True

    def make(self, kinds):
        rows = [
            (s["name"], s["lessons"], [links_to(covers=[s["id"]], how=True)])
            for s in read("systems")
            if s["kind"] in kinds.split()
        ]
        return [table(("name", "named in", "where"), rows, (34, 16, 50), "systems")]


class LessonCorrections(Table):
    def make(self, lesson):
        items = nodes.definition_list(classes=["corrections"])
        for row in read("corrections"):
            first, *others = row["lessons"].split()
            if first != lesson:
                continue
            also = f" (also in {', '.join(others)})" if others else ""
            term = nodes.term("", "", nodes.Text(f"{row['id']} · {row['topic']}"))
            term["ids"].append(f"correction-{row['id'].lower()}")
            term += nodes.emphasis("", f" — {KINDS[row['kind']]}{also}")
            said = self.parsed(f"*Says:* {row['says']}")
            right = self.parsed(f"*Right:* {row['right']}")
            shown = self.parsed(f"*Evidence:* {row['evidence']}")
            shown[-1] += [nodes.Text(" "), links_to(covers=[row["id"]])]
            definition = nodes.definition("", *said, *right, *shown)
            items += nodes.definition_list_item("", term, definition)
        return [items]

    def parsed(self, text):
        """Markdown of a table's cell as nodes."""
        node = nodes.Element()
        self.state.nested_parse(StringList([text], "corrections.csv"), 0, node)
        return node.children


def title_of(env, page: str, anchor: str) -> str:
    """What a link says: the chapter's number and the section's own title."""
    number, _, rest = env.titles[page].astext().partition(" ")
    std = env.get_domain("std")
    title = std.labels[anchor][2] if anchor in std.labels else ""
    if anchor.startswith("ex-"):
        title = "an exercise"
    elif anchor.startswith("fig-"):
        title = "a figure"
    elif anchor.startswith("eq-"):
        title = "an equation"
    if not number.isdigit():
        return title or env.titles[page].astext()
    return f"{number} · {title or rest}"


def fill(app, doctree, docname):
    env = app.env
    order = in_reading_order(env) if any(doctree.findall(links_to)) else []
    pages = {page.rsplit("/", 1)[-1]: page for page in order}
    for node in list(doctree.findall(links_to)):
        found = [row for i in node["covers"] for row in covered()[i]]
        rows = [row for row in found if row.page in pages]
        rows.sort(key=lambda row: order.index(pages[row.page]))
        made, seen = [], set()
        for row in rows:
            page = pages[row.page]
            if (page, row.anchor) in seen:
                continue
            seen.add((page, row.anchor))
            place = row.anchor
            if place.startswith("eq-"):
                place = f"equation-{place}"
            address = app.builder.get_relative_uri(docname, page) + f"#{place}"
            text = title_of(env, page, row.anchor)
            made += [nodes.Text("; ")] if made else []
            made.append(nodes.reference("", text, internal=True, refuri=address))
            if node.get("how"):
                kind = "test" if row.shown_by.startswith("test:") else row.shown_by
                made.append(nodes.Text(f" ({kind})"))
        node.replace_self(made or [nodes.Text("–")])


def pages_to_rewrite(app, env):
    """Have the pages with these tables written again, once any page changed."""
    shown = getattr(env, "pages_with_coverage", set())
    return sorted(shown & set(env.all_docs)) if app.any_page_changed else []


def setup(app):
    app.add_node(links_to)
    app.add_directive("lesson-headings", LessonHeadings)
    app.add_directive("lesson-units", LessonUnits)
    app.add_directive("named-systems", NamedSystems)
    app.add_directive("lesson-corrections", LessonCorrections)
    app.connect("doctree-resolved", fill)
    app.connect("env-updated", pages_to_rewrite)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
