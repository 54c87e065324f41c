"""What all tests share: the root of the project and tools that may be missing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from os_tools import find_tool

# No test is timed: on a busy machine an example may take longer than any deadline.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

BUILDERS = ("smoke_book", "widget_site")  # the slow fixtures

ROOT = Path(__file__).resolve().parent.parent
pytest_plugins = ["widget_site"]


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in a hook of its own
def pytest_collection_modifyitems(items) -> None:
    """Keep a file's tests, and those that share a slow build, in one process.

    The builds begin first, so that none of them is waited for at the end.
    """
    groups = {}
    for item in items:
        names = [name for name in BUILDERS if name in item.fixturenames]
        groups[item] = names[0] if names else item.path.name
        item.add_marker(pytest.mark.xdist_group(groups[item]))
    items.sort(key=lambda item: groups[item] not in BUILDERS)


def pytest_configure(config) -> None:
    """Refuse to run where groups have no effect: two builds would share a folder.

    pytest-xdist 3.8 groups by writing to `_nodeid`, which pytest 9.2 does not have.
    """
    if config.getoption("dist", "no") == "loadgroup" and not hasattr(
        pytest.Item, "_nodeid"
    ):
        raise pytest.UsageError(
            f"pytest-xdist does not keep groups of tests together under pytest "
            f"{pytest.__version__}: install requirements-test.txt (make test does)"
        )


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder that holds the book, the package and the tests."""
    return ROOT


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of Chromium; rather the one without a window's machinery.

    It opens a page in less than half of the CPU time.
    """
    return find_tool("chromium", "chromium-headless-shell")


@pytest.fixture(scope="session")
def smoke_book(root) -> Path:
    """Build the whole book at the budget `smoke` and return the folder of its HTML.

    Pages and doctrees are made from nothing, so every warning is told and fails the
    build; outputs of cells come from the cache where nothing that they depend on has
    changed.
    """
    output = root / "_build" / "smoke"
    for old in ("html", ".doctrees"):
        shutil.rmtree(output / "_build" / old, ignore_errors=True)
    command = [Path(sys.executable).parent / "jupyter-book", "build", ".", "-W", "-n"]
    command += ["--keep-going", "--path-output", output]
    build = subprocess.run(
        command,
        cwd=root,
        env=os.environ | {"PRETRAIN_BUDGET": "smoke", "OMP_WAIT_POLICY": "PASSIVE"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if build.returncode:
        lines = build.stdout.splitlines()
        told = [line for line in lines if "WARNING" in line or "ERROR" in line]
        text = "\n".join([*told, "...", *lines[-40:]])
        pytest.fail(f"the book does not build:\n{text}", pytrace=False)
    return output / "_build" / "html"
