"""The command: python -m grading build | grade | gradescope."""

import argparse
import sys
from pathlib import Path

from grading import GradingError


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(prog="python -m grading", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("build", help="from masters to notebooks and bundles")
    one.add_argument("masters", nargs="+", type=Path)
    one.add_argument("-o", "--output", type=Path, default=Path("_build/labs"))
    one.add_argument("--notebooks", type=Path, help="also put student notebooks here")
    one.add_argument("--seed", type=int, default=0, help="your own, kept secret: what "
                     "the hidden tests draw their data from")
    two = commands.add_parser("grade", help="grade a folder or zip of submissions")
    two.add_argument("bundle", type=Path, help="LAB.bundle.json, made by build")
    two.add_argument("submissions", type=Path)
    two.add_argument("-o", "--output", type=Path, required=True)
    two.add_argument("--roster", type=Path, help="a table with a column student")
    two.add_argument("--jobs", type=int, default=1)
    two.add_argument("--merge", type=Path, help="the filled manual.csv")
    two.add_argument("--quiet", action="store_true", help="no progress bar")
    three = commands.add_parser("gradescope", help="used inside Gradescope")
    for name in ("bundle", "submissions", "output"):
        three.add_argument(name, type=Path)
    chosen = parser.parse_args(arguments)
    try:
        return {"build": _build, "grade": _grade, "gradescope": _gradescope}[
            chosen.command
        ](chosen)
    except GradingError as error:
        print(f"grading: {error}", file=sys.stderr)
        return 2


def _build(chosen) -> int:
    from grading.build import build

    for master in chosen.masters:
        folder = build(master, chosen.output, chosen.seed)
        if chosen.notebooks:
            chosen.notebooks.mkdir(parents=True, exist_ok=True)
            name = f"{folder.name}.ipynb"
            (chosen.notebooks / name).write_bytes((folder / name).read_bytes())
        print(f"{folder.name}: the solution gets all points, the untouched notebook "
              f"none; written to {folder}")
    return 0


def _grade(chosen) -> int:
    from grading.batch import grade
    from grading.judge import read_bundle

    results = grade(
        read_bundle(chosen.bundle),
        chosen.submissions,
        chosen.output,
        chosen.roster,
        chosen.jobs,
        chosen.merge,
        progress=not chosen.quiet,
    )
    print(f"{len(results)} students: {chosen.output / 'grades.csv'}")
    return 0


def _gradescope(chosen) -> int:
    from grading.gradescope import gradescope
    from grading.judge import read_bundle

    gradescope(read_bundle(chosen.bundle), chosen.submissions, chosen.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
