"""Load one of the book's Sphinx extensions, which are modules but no package."""

import importlib
import sys
from pathlib import Path

EXTENSIONS = Path(__file__).resolve().parent.parent.parent / "extensions"


def load(name: str):
    if str(EXTENSIONS) not in sys.path:
        sys.path.insert(0, str(EXTENSIONS))
    return importlib.import_module(name)
