"""Run logs: JSON lines, a header and then a record a step.

The first line is the header: configuration, versions, device, seed. Every further line
is one record: ``step``, ``tokens`` (read so far), ``seconds``, ``loss`` (nats per
scored token), ``scored`` (tokens), ``lr``, ``grad_norm``, and at evaluations
``eval_loss``.
A run that stopped halfway is a valid log; a line cut short by a kill is left out.
"""

import json
import platform
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pretrain.errors import PretrainError

PACKAGES = ("pretrain", "torch", "numpy", "tokenizers")
FORMAT = "pretrain-run-1"


def environment(device: str) -> dict[str, str]:
    """Versions and device, for the header of a log."""
    found = {"python": platform.python_version(), "device": str(device)}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


@dataclass
class RunLog:
    """A header and its records, in memory and, with a path, in a file."""

    header: dict
    records: list[dict] = field(default_factory=list)
    path: Path | None = None

    def start(self) -> None:
        """Write the header and the records so far, replacing the file."""
        if self.path:
            lines = [json.dumps({"format": FORMAT, **self.header})]
            lines += [json.dumps(record) for record in self.records]
            partial = self.path.with_suffix(".partial")
            partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
            partial.replace(self.path)

    def add(self, record: dict) -> None:
        self.records.append(record)
        if self.path:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")

    def column(self, name: str) -> list[float]:
        """The values of one field, from the records that have it."""
        return [r[name] for r in self.records if name in r]


def read_log(path: str | Path) -> RunLog:
    """Read a log. Raises PretrainError when there is none, or it is no run log."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise PretrainError(
            f"there is no run log at {path} ({error.strerror}): check the folder"
        ) from error
    rows = []
    for line in text.splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break  # the line that a kill cut short
    if not rows or not isinstance(rows[0], dict) or rows[0].get("format") != FORMAT:
        raise PretrainError(
            f"{path} is not a run log of this package: its first line must be a header "
            f'with "format": "{FORMAT}"'
        )
    return RunLog(rows[0], rows[1:], path)
