"""Run an experiment: ``python -m pretrain.experiments masking-rate``.

Runs that are there are not made again, so a stopped experiment goes on where it
stopped; with --out everything is made anew in a folder of your own. --again makes one
run from the header of its log and compares the losses.
"""

import argparse
import sys
from pathlib import Path

from pretrain.errors import PretrainError
from pretrain.experiments.catalog import catalog, find
from pretrain.experiments.running import TOLERANCE, again, run
from pretrain.experiments.tables import RESULTS, markdown, summarize, write


def main(arguments: list[str] | None = None) -> int:
    """Run as asked. Returns 0; 1 if a repeated run differs; 2 after an error."""
    asked = parser().parse_args(arguments)
    try:
        if asked.again:
            return repeat(asked.again)
        if not asked.name:
            for experiment in catalog().values():
                print(f"{experiment.name:18s} {experiment.question}")
            return 0
        experiment = find(asked.name)
        folder = asked.out or RESULTS / f"{asked.name}{_suffix(asked.size)}"
        logs = run(experiment, folder, asked.size, asked.workers)
        summary = summarize(experiment, logs, asked.size)
        write(folder, summary)
        print(markdown(summary))
        return 0
    except PretrainError as error:
        print(f"pretrain: {error}", file=sys.stderr)
        return 2


def repeat(path: Path) -> int:
    """Make the run of a log again and say how far its losses are from it."""
    found = again(path, find)
    for old, new in zip(found.old, found.new, strict=True):
        print(f"{old:.8f}  {new:.8f}")
    where = "the log's versions" if found.same_versions else "other versions"
    print(f"largest difference {found.difference:.2g} nats ({where})")
    return 0 if found.difference <= TOLERANCE else 1


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        "python -m pretrain.experiments", description=__doc__
    )
    made.add_argument("name", nargs="?", help="which; left out, they are listed")
    made.add_argument("--size", choices=("cpu", "gpu"), default="cpu")
    made.add_argument("--out", type=Path, help="folder of the logs and tables")
    made.add_argument("--workers", type=int, help="processes; one a core by default")
    made.add_argument("--again", type=Path, metavar="LOG", help="make one run again")
    return made


def _suffix(size: str) -> str:
    return "" if size == "cpu" else f"-{size}"


if __name__ == "__main__":
    sys.exit(main())
