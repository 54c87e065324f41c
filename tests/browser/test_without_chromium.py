"""Where Chromium is missing, the browser's tests are collected, skip and say why.

In CI, where it must be there, they fail instead.
"""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_a_missing_browser_is_told(root, tmp_path, ci, code):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs"]
        + ["tests/browser/test_pages.py"],
        cwd=root,
        env=os.environ | {"PATH": str(tmp_path), "CI": ci},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert "chromium is not installed on this machine" in done.stdout
    assert ("skipped" if code == 0 else "error") in done.stdout.splitlines()[-1]
    assert "passed" not in done.stdout.splitlines()[-1]
    assert done.returncode == code
