"""What labs share: addresses come from one setting."""

import pytest

from grading import GradingError
from grading.master import common_settings


def test_names_in_braces_are_filled_in_from_the_settings_file(tmp_path):
    (tmp_path / "config.yml").write_text("a:\n  url: https://x.org/y\n")
    (tmp_path / "labs.yml").write_text(
        'settings: config.yml\nneeds: ["{a.url}/z"]\nfirst_cell: |\n  d = {}\n'
    )
    assert common_settings(tmp_path) == {
        "needs": ["https://x.org/y/z"],
        "first_cell": "d = {}\n",
    }


def test_a_name_that_is_not_there_is_an_error(tmp_path):
    (tmp_path / "config.yml").write_text("a: 1\n")
    (tmp_path / "labs.yml").write_text("settings: config.yml\nb: '{a.url}'\n")
    with pytest.raises(GradingError, match="has no text at a.url"):
        common_settings(tmp_path)
    assert common_settings(tmp_path / "elsewhere") == {}
