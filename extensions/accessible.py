"""Mend what the theme and its parts leave behind for readers who use a screen reader.

Each edit answers a finding of axe-core on a built page: roles that contradict their
elements, ids that are on a page twice, labels that hide the visible text of a button,
landmarks without a name.
"""

import re
from pathlib import Path

EDITS = [
    (r'role="list" class="citation-list"', 'class="citation-list"'),
    (r'(class="citation"[^>]*?) role="doc-biblioentry"', r"\1"),
    (r'<section id="(?:exercise|solution)-content">', "<section>"),
    (r'<summary aria-label="[^"]*">', "<summary>"),
    (
        r'(<button class="[^"]*search-button-field[^"]*"[^>]*?)'
        r' title="Search" aria-label="Search"',
        r"\1",
    ),
    (r'(<button[^>]*class="[^"]*theme-switch-button[^>]*?) aria-label="[^"]*"', r"\1"),
    (r'(<div id="pst-primary-sidebar" )', r'\1role="navigation" aria-label="Book" '),
]


def finish(app, exception):
    if exception is not None or app.builder.format != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = mended = page.read_text("utf8")
        for pattern, replacement in EDITS:
            mended = re.sub(pattern, replacement, mended, flags=re.S)
        mended = re.sub(r'(role="navigation" aria-label="Book" )+', r"\1", mended)
        if mended != text:
            page.write_text(mended, "utf8")


def setup(app):
    app.connect("build-finished", finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
