"""Look a citation style up once, not at every citation.

sphinxcontrib-bibtex asks pybtex for its plugins at each reference, and pybtex then
reads what every installed package declares: some 500 times in this book, which was an
eighth of the time that its pages take to be read and written.
"""

from functools import cache

import pybtex.plugin


def setup(app):
    find = pybtex.plugin._load_entry_point
    if not hasattr(find, "cache_clear"):
        pybtex.plugin._load_entry_point = cache(find)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
