"""Numbers from cells are printed with a minus sign and powers of ten."""

import pytest
from book_extension import load
from docutils import nodes
from docutils.utils import new_document

minus_signs = load("minus_signs")


@pytest.mark.parametrize(
    ("python", "printed"),
    [
        ("-0.86", "−0.86"),
        ("-.5", "−.5"),
        ("-3.3 ± 6.3", "−3.3 ± 6.3"),
        ("[-1, 2]", "[−1, 2]"),
        ("2.7e-06", "2.7 × 10⁻⁶"),
        ("-1e+20", "−1 × 10²⁰"),
        ("0.5", "0.5"),
        ("2019-11-05", "2019-11-05"),
        ("GPT-2", "GPT-2"),
        ("the-2nd", "the-2nd"),
        ("1,234", "1,234"),
    ],
)
def test_numbers(python, printed):
    assert minus_signs.printed(python) == printed


def test_only_what_cells_measured_changes():
    document = new_document("page")
    for classes in (["pasted-text"], ["other"]):
        document += nodes.paragraph("", "", nodes.inline("", "-1", classes=classes))
    document += nodes.literal_block("", "x = -1")
    minus_signs.mend(None, document, "page")
    assert document.astext().split("\n\n") == ["−1", "-1", "x = -1"]
