"""One submission, inside Gradescope's autograder: results.json instead of tables."""

import json
from pathlib import Path

from grading import report
from grading.batch import one
from grading.sandbox import warning
from grading.submissions import Submission, collect


def gradescope(bundle: dict, folder: Path, output: Path) -> dict:
    """Grade the files in `folder` as one submission; write Gradescope's JSON."""
    files = [file for entry in collect(folder) for file in entry.files]
    result = one(bundle, Submission("submission", files=files))
    tests = [
        {
            "name": f"{test['question']}.{test['number']}",
            "score": test["got"],
            "max_score": test["points"],
            "output": test["message"],
            "visibility": "after_published" if test["hidden"] else "visible",
        }
        for test in result["tests"]
    ]
    notes = [*result["notes"], *([warning()] if warning() else [])]
    told = {
        "score": sum(test["got"] for test in result["tests"]),
        "output": "\n".join([f"Status: {result['status']}", *notes]),
        "tests": tests,
    }
    report.write(Path(output), json.dumps(told, indent=1))
    return told
