"""Programs that pip cannot install."""

import os
import shutil

import pytest


def find_tool(name: str, *others: str) -> str:
    """Return the path of a program that pip cannot install, or of one as good.

    Without any the test is skipped and says why; in CI, where it must be, it fails.
    """
    path = next(filter(None, map(shutil.which, (*others, name))), None)
    if path is None:
        reason = f"{name} is not installed on this machine"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return path
