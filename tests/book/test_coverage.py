"""Each row of the tables in chapters/coverage, held against the built book.

A row says what a page covers, where on it, and what shows it: a cell that was executed
there, a test, or text. Held here are the pages of the table of contents; once all of
its chapters are listed, every unit, system and correction must be covered by one.
"""

import re
from functools import cache

import pytest
import yaml
from book_extension import load
from bs4 import BeautifulSoup, Tag

coverage = load("coverage")
CHAPTERS = 19
ROWS = [row for rows in coverage.covered().values() for row in rows]


@pytest.fixture(scope="module")
def listed(root) -> dict[str, str]:
    """The pages of the table of contents, by their last name."""
    toc = yaml.safe_load((root / "_toc.yml").read_text())
    entries = [chapter for part in toc["parts"] for chapter in part["chapters"]]
    entries += [section for entry in entries for section in entry.get("sections", ())]
    names = [entry["file"] for entry in entries]
    assert len({name.rsplit("/", 1)[-1] for name in names}) == len(names)
    return {name.rsplit("/", 1)[-1]: name for name in names}


def ids(name: str) -> list[str]:
    return [row["id"] for row in coverage.read(name)]


def test_the_lists_are_whole():
    units = coverage.read("units")
    for lesson, count in {"S0": 43, "S1": 86, "S2": 27, "S3": 13, "S4": 158}.items():
        wanted = [f"{lesson}-{n:03d}" for n in range(1, count + 1)]
        assert [u["id"] for u in units if u["lesson"] == lesson] == wanted
    assert ids("systems") == [f"N-{n:02d}" for n in range(1, 80)]
    assert ids("corrections") == [f"E{n:02d}" for n in range(1, 118)]
    for name in coverage.LISTS:
        for row in coverage.read(name):
            assert all(row.values()), f"{name}.csv: an empty cell in {row}"


def test_rows_speak_of_what_there_is(root, listed):
    known = {i for name in coverage.LISTS for i in ids(name)}
    assert {row.id for row in ROWS} <= known
    places = {path.stem for path in (root / "chapters").rglob("*.md")}
    assert {row.page for row in ROWS} <= places, "a table without its page"
    for page in {row.page for row in ROWS}:
        mine = [row.id for row in ROWS if row.page == page]
        assert len(mine) == len(set(mine)), f"{page}.csv has a row twice"


def test_tests_that_are_named_exist(root):
    for row in ROWS:
        if row.shown_by in ("cell", "text"):
            continue
        named = re.fullmatch(r"test:(tests/[\w/]+\.py)::(test_\w+)", row.shown_by)
        assert named, f"{row}: shown_by is cell, text or test:FILE::NAME"
        path, name = named.groups()
        assert (root / path).is_file(), f"{row}: no such file"
        assert f"\ndef {name}(" in (root / path).read_text("utf8"), f"{row}: no test"


def test_every_row_of_the_lists_is_covered(listed):
    chapters = [page for page in listed if re.match(r"\d\d-", page)]
    if len(chapters) < CHAPTERS:
        pytest.skip(f"{len(chapters)} of {CHAPTERS} chapters are listed")
    covered = {row.id for row in ROWS if row.page in listed}
    missing = [i for name in coverage.LISTS for i in ids(name) if i not in covered]
    assert not missing, f"{len(missing)} rows are covered by no page: {missing}"


@pytest.fixture(scope="module")
def parsed(smoke_book, listed):
    """A page of the built book as a tree, by the page's last name."""

    @cache
    def read(page: str) -> BeautifulSoup:
        html = (smoke_book / f"{listed[page]}.html").read_text("utf8")
        return BeautifulSoup(html, "lxml").find("main")

    return read


@pytest.fixture(scope="module")
def place(parsed):
    """What a row's anchor stands for on its page, or None."""
    named = cache(lambda page: places(parsed(page)))
    return lambda row: named(row.page).get(row.anchor)


def places(main: Tag) -> dict[str, Tag]:
    """What each anchor of a page stands for, as the pages' tables write it."""
    found = {tag["id"]: tag for tag in main.find_all(id=True)}
    return {anchor.removeprefix("equation-"): tag for anchor, tag in found.items()}


def holds_a_cell(found: Tag) -> bool:
    """Whether a cell stands in the section of an anchor, or in that exercise."""
    if "exercise" in found.get("class", ()):
        around = [found, found.find_next_sibling(class_="solution")]
    else:
        around = [found.find_parent("section")]
    return any(part and part.select_one("div.cell") for part in around)


def test_every_anchor_is_on_its_page(place, listed):
    rows = [row for row in ROWS if row.page in listed]
    assert rows
    lost = [row for row in rows if place(row) is None]
    assert not lost, "\n".join(map(str, lost))


def test_what_a_cell_shows_has_a_cell(place, listed):
    rows = [row for row in ROWS if row.page in listed and row.shown_by == "cell"]
    assert rows
    bare = [row for row in rows if (found := place(row)) and not holds_a_cell(found)]
    assert not bare, "\n".join(map(str, bare))


def test_the_page_of_headings_links_to_what_covers_them(parsed, listed):
    """Every heading of the lessons has a row; every covered one has a link."""
    page = "where-each-lesson-went"
    if page not in listed:
        pytest.skip("the page is not listed")
    tables = parsed(page).select("table.headings")
    rows = [row for table in tables for row in table.tbody.select("tr")]
    told = [row.td.get_text().replace("’", "'") for row in rows]
    headings = {}
    for unit in coverage.read("units"):
        headings.setdefault((unit["lesson"], unit["section"]), set()).add(unit["id"])
    assert told == [section for _, section in headings]
    linked = [bool(row.a) for row in rows]
    here = {row.id for row in ROWS if row.page in listed}
    assert linked == [bool(found & here) for found in headings.values()]


def test_a_cell_is_only_seen_where_one_is():
    page = BeautifulSoup(
        '<section><span id="sec-a"></span><p>text</p></section>'
        '<section><span id="sec-b"></span><div class="cell">1</div></section>'
        '<section><div class="exercise" id="ex-c"></div>'
        '<div class="solution"><div class="cell">2</div></div></section>'
        '<section><span class="eqno" id="equation-eq-d"></span></section>',
        "lxml",
    )
    anchors, found = ("sec-a", "sec-b", "ex-c", "eq-d"), places(page)
    assert [holds_a_cell(found[a]) for a in anchors] == [False, True, True, False]
    assert "sec-e" not in found
