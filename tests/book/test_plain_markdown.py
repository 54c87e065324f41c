"""A page's MyST as the Markdown of its notebook."""

import pytest
from book_extension import load

plain = load("plain_markdown").plain
ROLES = {"glue:text": {"a:.1f": "1.5"}.get, "cite:t": lambda key: f"<{key}>"}

CASES = {
    "roles": (
        "loss {glue:text}`a:.1f`, {cite:t}`key`, {doc}`words <page>`, {ref}`x`",
        "loss 1.5, <key>, words, x",
    ),
    "label": ("(sec-a)=\n## A\n", "## A\n"),
    "exercise": (
        "```{exercise-start} Shift\n:label: ex-a\n```\nText.\n```{exercise-end}\n```\n",
        "**Exercise: Shift**\n\nText.\n",
    ),
    "solution": (
        "```{solution-start} ex-a\n:class: dropdown\n```\nText.\n",
        "**Solution**\n\nText.\n",
    ),
    "note": ("```{note}\nMind.\n```\n", "**Note**\n\nMind.\n"),
    "admonition": (":::{admonition} Why\nSo.\n:::\n", "**Why**\n\nSo.\n"),
    "references": (
        "## References\n\n```{bibliography}\n:filter: docname in docnames\n```\n",
        "",
    ),
    "code": ("```python\n{not}`a role\n```\n", "```python\n{not}`a role\n```\n"),
    "included": (
        "```{literalinclude} code.py\n:pyobject: Thing.two\n```\n",
        "```python\n    def two(self):\n        return 2\n```\n",
    ),
    "decorated": (
        "```{literalinclude} code.py\n:pyobject: marked\n```\n",
        "```python\n@mark\ndef marked(): ...\n```\n",
    ),
}
CODE = """class Thing:
    def one(self):
        return 1

    def two(self):
        return 2

@mark
def marked(): ...
"""


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_plain(tmp_path, text, expected):
    (tmp_path / "code.py").write_text(CODE)
    assert plain(text, tmp_path, ROLES) == expected
