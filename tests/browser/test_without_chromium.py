"""Where Chromium is missing, the browser's tests are collected, skip and say why.

In CI, where it must be there, they fail instead.
"""

import os
import subprocess
import sys

import pytest
from os_tools import find_tool

TOLD = "chromium is not installed on this machine"


@pytest.mark.parametrize(
    ("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)]
)
def test_a_missing_tool_is_told(monkeypatch, tmp_path, ci, outcome):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match=TOLD):
        find_tool("chromium", "chromium-headless-shell")


def test_a_browser_test_fails_without_it_in_ci(root, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs"]
        + ["tests/browser/test_pages.py"],
        cwd=root,
        env=os.environ | {"PATH": str(tmp_path), "CI": "true"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert TOLD in done.stdout
    assert "error" in done.stdout.splitlines()[-1]
    assert "passed" not in done.stdout.splitlines()[-1]
    assert done.returncode == 1
