"""Widgets: the ideas of the book, to be turned by hand.

Each is one Python class and one ES module, and works live in a notebook and without a
kernel in the built page:

    from pretrain.widgets.masking import MaskingExplorer
    MaskingExplorer(rate=0.3)

Import a widget from its own module, so that a page depends on that one alone.
"""

from importlib.util import find_spec

if find_spec("anywidget") is None:
    raise ImportError(
        "the widgets need the package anywidget, which is not installed: "
        "pip install 'pretrain[labs]'"
    )
