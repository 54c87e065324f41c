"""The labs and the grader: what several test files build."""

import os
from pathlib import Path

import pytest

from grading.build import build
from grading.judge import read_bundle
from grading.sandbox import confinement

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The bundle of the tiny lab: proved, so the grader works at all."""
    folder = build(HERE / "tiny.md", tmp_path_factory.mktemp("built"))
    return read_bundle(folder / "tiny.bundle.json")


@pytest.fixture(scope="session")
def bubblewrap():
    """Skip where bubblewrap is missing or forbidden; in CI it must work."""
    if confinement() != "bwrap":
        reason = "bubblewrap does not work on this machine"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
