"""How many submissions are graded in a minute, cold and warm.

    python benchmarks/grading.py [COUNT] [JOBS]

The submissions are the right and wrong solutions of lab 3 in turn, COUNT of them (100),
each made different by a comment. *Cold* grades them all, with JOBS (2) at a time;
*warm* is the same command again, when the results are there and only the files are
read and the tables written. torch is imported once for each submission, in its
sandbox, and once for the whole batch by the judge.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAB = "lab03-masking"


def main(count: int = 100, jobs: int = 2) -> None:
    sys.path.insert(0, str(ROOT))
    from grading.build import bundle
    from grading.master import read_master
    from grading.sandbox import confinement

    content = bundle(read_master(ROOT / "labs" / f"{LAB}.md"))
    solution = "\n\n\n".join([*content["given"], *content["solution"]])
    variants = sorted((ROOT / "tests" / "labs" / "variants" / LAB).glob("*.py"))
    with tempfile.TemporaryDirectory() as place:
        folder, output = Path(place) / "in", Path(place) / "out"
        folder.mkdir()
        for number in range(count):
            code = variants[number % len(variants)].read_text("utf8")
            text = f"# student {number}\n{solution}\n\n\n{code}"
            (folder / f"student{number:03d}.py").write_text(text, "utf8")
        file = Path(place) / "bundle.json"
        file.write_text(json.dumps(content), "utf8")
        command = [sys.executable, "-m", "grading", "grade", file, folder]
        command += ["-o", output, "--jobs", str(jobs), "--quiet"]
        print(f"{count} submissions of {LAB}, {jobs} jobs, {confinement()}")
        print(f"load of the machine before: {os.getloadavg()[0]:.1f}")
        for state in ("cold", "warm"):
            start = time.perf_counter()
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
            seconds = time.perf_counter() - start
            print(f"{state}: {seconds:.1f} s, {60 * count / seconds:.0f} a minute")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
