"""Write the numbers that cells measured as a printed text does: −0.86 and 4 × 10⁻⁷.

Python writes -0.86 and 4e-07. Only numbers that a page takes from its cells (`glue`)
are changed, not code and not the output of a cell.
"""

import re

from docutils import nodes

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
POWER = re.compile(r"(?<=\d)e([+-]\d+)")
MINUS = re.compile(r"(?<![\w.])-(?=\.?\d)")


def printed(text: str) -> str:
    """`text` with its numbers as they are printed."""

    def power(found):
        return f" × 10{str(int(found[1])).translate(SUPERSCRIPTS)}"

    return MINUS.sub("−", POWER.sub(power, text))


def mend(app, doctree, docname):
    for pasted in doctree.findall(nodes.inline):
        if "pasted-text" in pasted["classes"]:
            for text in list(pasted.findall(nodes.Text)):
                text.parent.replace(text, nodes.Text(printed(text.astext())))


def setup(app):
    app.connect("doctree-resolved", mend)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
