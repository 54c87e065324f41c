"""Look a citation style up once, and read the LaTeX of a reference once.

sphinxcontrib-bibtex asks pybtex for its plugins at each reference, and pybtex then
reads what every installed package declares: some 500 times in this book, which was an
eighth of the time that its pages take to be read and written. A field of a reference
is read as LaTeX some forty times, with the same result.
"""

from functools import cache

import pybtex.plugin
from pybtex.richtext import Text


def setup(app):
    find = pybtex.plugin._load_entry_point
    if not hasattr(find, "cache_clear"):
        pybtex.plugin._load_entry_point = cache(find)
        Text.from_latex = cache(Text.from_latex)  # a Text is never changed
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
