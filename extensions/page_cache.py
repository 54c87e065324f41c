"""Execute a page again exactly when something that its cells depend on has changed.

Jupyter-cache knows a page by the text of its cells. Here each record also carries the
page's key (`page_key`), so an edited module, pin or budget is a miss for the pages that
use it, and only for those. Sphinx in turn keeps the pages it has read; it is told to
read again those whose key has moved. Tags and alt texts are always the page's own: a
record gives outputs, nothing else.
"""

import os
from functools import partial
from hashlib import md5
from pathlib import Path

import jupyter_cache.executors.utils
import myst_nb.core.execute.cache
import nbclient
from jupyter_cache.cache.main import JupyterCacheBase
from page_key import KERNEL, imports, page_key
from sphinx.util import logging

logger = logging.getLogger(__name__)

ACT_ON_A_RUN = {"raises-exception", "skip-execution"}  # tags; others act on the look


class PageCache(JupyterCacheBase):
    """A cache whose hash of a notebook covers what its code imports; one a page."""

    def __init__(self, path, app):
        super().__init__(path)
        self.app = app
        self.key = None  # taken once, before the page runs: files may be edited then

    def create_hashed_notebook(self, nb, *args, **kwargs):
        nb, digest = super().create_hashed_notebook(nb, cell_metadata=())
        if self.key is None:
            packages = tuple(self.app.config.page_cache_packages)
            names = (imports(cell.source, packages) for cell in nb.cells)
            names = frozenset().union(*names)
            self.key = current_key(self.app, names)
            pages(self.app.env)[self.app.env.docname] = (names, self.key)
        tags = [ACT_ON_A_RUN & set(cell.metadata.get("tags", [])) for cell in nb.cells]
        tags = md5(repr([sorted(tag) for tag in tags]).encode()).hexdigest()
        return nb, f"{digest}{tags}{self.key}"

    def merge_match_into_notebook(self, nb, *args, **kwargs):
        key, nb = super().merge_match_into_notebook(nb, cell_meta=())
        tell_stderr(nb)
        return key, nb

    def cache_notebook_bundle(self, bundle, *args, **kwargs):
        tell_stderr(bundle.nb)
        return super().cache_notebook_bundle(bundle, *args, **kwargs)


def tell_stderr(nb):
    """Show what fails the build: MyST-NB warns about a stderr, but not of its text."""
    for cell in nb.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                text = " ".join("".join(output["text"]).split())
                logger.info("ERROR, in the stderr of a cell: %s", text)


def pages(env) -> dict:
    """Return what the environment keeps: page -> (imported names, key)."""
    if not hasattr(env, "page_cache_keys"):
        env.page_cache_keys = {}
    return env.page_cache_keys


def current_key(app, names):
    root = Path(app.srcdir)
    packages = tuple(app.config.page_cache_packages)
    return page_key(names, packages, root, root / app.config.page_cache_pins)


def outdated(app, env, added, changed, removed):
    """Return the pages whose key is no longer that of their outputs."""
    return [
        page
        for page, (names, key) in pages(env).items()
        if page in env.found_docs and current_key(app, names) != key
    ]


def purge(app, env, docname):
    pages(env).pop(docname, None)


def merge(app, env, docnames, other):
    found = pages(other)
    pages(env).update({name: found[name] for name in docnames if name in found})


def note_machinery(app, config):
    """Have every page read again (not run again) after an edit of an extension."""
    digest = md5()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    config.page_cache_machinery = digest.hexdigest()


def use_page_cache(app):
    myst_nb.core.execute.cache.get_cache = lambda path: PageCache(path, app)


def setup(app):
    os.environ.update(KERNEL)
    # Asked to shut down, a kernel takes a second to tidy what ends with it anyway, and
    # now and then does not hear and is waited for three more.
    jupyter_cache.executors.utils.executenb = partial(
        nbclient.execute, shutdown_kernel="immediate"
    )
    app.add_config_value("page_cache_packages", [], "env")
    app.add_config_value("page_cache_pins", "requirements.txt", "env")
    app.add_config_value("page_cache_machinery", "", "env")
    app.connect("config-inited", note_machinery)
    app.connect("builder-inited", use_page_cache)
    app.connect("env-get-outdated", outdated)
    app.connect("env-purge-doc", purge)
    app.connect("env-merge-info", merge)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
