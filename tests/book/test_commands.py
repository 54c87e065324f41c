"""The commands that README, Makefile and CI name are the same, and they exist."""

import os
import re
import subprocess
import tomllib

import yaml


def targets(root) -> set[str]:
    makefile = (root / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.M).group(1).split()
    assert all(re.search(rf"^{name}:", makefile, re.M) for name in phony)
    return set(phony)


def commands(text: str) -> list[str]:
    return [
        line.split("#")[0].strip()
        for block in re.findall(r"^```(?:bash|sh)\n(.*?)^```", text, re.M | re.S)
        for line in block.splitlines()
        if line.startswith("make ")
    ]


def test_readme_names_targets_that_exist(root):
    named = commands((root / "README.md").read_text())
    assert {"make book", "make test"} <= set(named)
    contributing = commands((root / "CONTRIBUTING.md").read_text())
    for command in named + contributing:
        assert command.split()[1] in targets(root), command


def test_ci_runs_the_two_commands(root):
    script = (root / ".ci" / "run").read_text()
    makes = re.findall(r"^make .*$", script, re.M)
    assert makes == ["make test </dev/null", "make book </dev/null"]
    assert script.startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in script
    assert os.access(root / ".ci" / "run", os.X_OK)


def test_warnings_fail_the_book(root):
    makefile = (root / "Makefile").read_text()
    book = makefile.split("\nbook:")[1].split("\n\n")[0]
    assert "-W -n --keep-going" in book
    config = yaml.safe_load((root / "_config.yml").read_text())
    assert config["execute"]["raise_on_error"] is True
    assert config["execute"]["stderr_output"] == "remove-warn"


def test_nothing_is_installed_twice(root):
    """With .venv as make left it, a second make would only build."""
    listed = subprocess.run(
        ["make", "-n", "test"],
        cwd=root,
        env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "pip install" not in listed
    assert "-m pytest" in listed


def test_every_requirement_is_exact_and_listed_once(root):
    names = []
    for file in ("requirements.txt", "requirements-test.txt"):
        for line in (root / file).read_text().splitlines():
            if line and not line.startswith("#"):
                found = re.fullmatch(r"([A-Za-z0-9_.-]+)==[\w.]+", line)
                assert found, f"{file}: {line}"
                names.append(re.sub(r"[-_.]+", "-", found.group(1)).lower())
    assert len(names) == len(set(names))
    for name in ("jupyter-book", "torch", "numpy", "matplotlib", "ipywidgets"):
        assert name in names
    assert "sphinxcontrib-bibtex" in names


# What Colab had installed in August 2026. The package must fit beside it unchanged.
COLAB = {
    "torch": "2.11.0",
    "numpy": "2.1.3",
    "tokenizers": "0.22.2",
    "safetensors": "0.8.0",
    "matplotlib": "3.10.0",
    "tqdm": "4.67.3",
    "transformers": "5.15.0",
    "ipywidgets": "7.7.1",
    "anywidget": "0.9.21",
}


def numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def test_the_package_fits_the_pins_and_colab(root):
    """Its requirements are lower bounds that the pins and Colab both meet."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    pins = dict(
        line.lower().split("==")
        for file in ("requirements.txt", "requirements-test.txt")
        for line in (root / file).read_text().splitlines()
        if "==" in line
    )
    extras = project["optional-dependencies"]
    assert {"hf", "labs", "dev"} <= set(extras)
    for need in project["dependencies"] + [n for e in extras.values() for n in e]:
        name, bound = re.fullmatch(r"([\w-]+)>=([\d.]+)", need).groups()
        assert numbers(pins[name]) >= numbers(bound), need
        if need not in extras["dev"]:
            assert numbers(COLAB[name]) >= numbers(bound), need


def test_one_setting_names_the_repository(root):
    """No file of ours but _config.yml names the host or the place of the repository.

    The students' notebooks name it, being built from that setting.
    """
    config = yaml.safe_load((root / "_config.yml").read_text())
    address = config["repository"]["url"].split("//")[1]
    listed = subprocess.run(
        ["git", "grep", "-lIF", address, "--", ".", ":!labs/colab"],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert listed.stdout.split() in (
        [],
        ["_config.yml"],
    )  # none before the first commit
