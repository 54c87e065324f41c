"""Grade a whole class: every student gets a row, whatever was handed in.

    for each submission:  fork ─► judge (this code, hidden tests) ═ sandbox (student)

Results are kept in OUT/.results, each under a key of everything that it depends on, so
a batch that was stopped goes on where it was, and a new submission is the only one that
is graded again. Nothing in the tables depends on time, on the order, or on the number
of jobs.
"""

import csv
import hashlib
import json
import os
import re
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from tqdm import tqdm

from grading import GradingError, report
from grading.judge import judge, nothing
from grading.sandbox import START, confinement, warning
from grading.submissions import Submission, Unreadable, choose, collect

MARGIN = 30.0  # seconds that a judge may take beyond the limit of its submission


def grade(
    bundle: dict,
    path: Path,
    output: Path,
    roster: Path | None = None,
    jobs: int = 1,
    merge: Path | None = None,
    progress: bool = True,
) -> dict[str, dict]:
    """Grade all submissions under `path` into `output`; returns results by student.

    Raises GradingError when there is nothing to grade or the output cannot be written.
    """
    output = Path(output)
    kept = output / ".results"
    try:
        kept.mkdir(parents=True, exist_ok=True)
        os.chmod(output, 0o700)
    except OSError as error:
        raise GradingError(f"cannot write into {output}: {error.strerror}") from None
    submissions = with_roster(collect(path), roster)
    if not submissions:
        raise GradingError(f"no submissions in {path}")
    if warning():
        print(warning(), file=sys.stderr)
    results, waiting = {}, []
    for submission in submissions:
        file = kept / f"{key(bundle, submission)}.json"
        try:
            results[submission.student] = json.loads(file.read_text("utf8"))
        except (OSError, ValueError):
            waiting.append((submission, file))
    bar = tqdm(total=len(submissions), initial=len(results), disable=not progress)
    for student, result in _all(bundle, waiting, jobs):
        results[student] = result
        bar.set_postfix_str(report.tidy(student, 30), refresh=False)
        bar.update()
    bar.close()
    write_all(bundle, results, output, merge)
    return results


def write_all(bundle, results: dict, output: Path, merge: Path | None = None) -> None:
    """Write the tables and reports; points given by hand are taken from `merge`."""
    by_hand = report.read_sheet(merge, bundle, results) if merge else {}
    sheet = output / "manual.csv"
    if bundle["manual"] and (merge or not sheet.exists()):
        report.write(sheet, report.sheet(bundle, results, by_hand))
    for student, result in results.items():
        text = report.report(bundle, student, result, by_hand)
        report.write(output / "reports" / f"{report.file_name(student)}.md", text)
    report.write(output / "grades.csv", report.grades(bundle, results, by_hand))


def with_roster(found: list[Submission], roster: Path | None) -> list[Submission]:
    """Add the students who handed nothing in, and use the roster's names.

    The roster is a table with a column `student`; other columns, such as an id or an
    email address, help to recognize a student.
    """
    if roster is None:
        return found
    try:
        rows = list(csv.DictReader(Path(roster).read_text("utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise GradingError(f"cannot read the roster {roster}: {error}") from None
    if not rows or not rows[0].get("student"):
        raise GradingError(f"the roster {roster} needs a column called student")
    known, listed = {}, {}
    for row in rows:
        student = row["student"].strip()
        listed.setdefault(student, Submission(student))
        for value in row.values():
            if isinstance(value, str) and value.strip():
                for name in _spellings(value):
                    known.setdefault(name, student)
    for submission in found:
        names = [submission.student, *sorted(submission.aliases)]
        spelled = [s for name in names for s in _spellings(name)]
        student = next((known[s] for s in spelled if s in known), submission.student)
        entry = listed.setdefault(student, Submission(student))
        entry.files += submission.files
    return [listed[name] for name in sorted(listed)]


def _spellings(name: str) -> list[str]:
    """How a course system may write a name: Canvas turns it around and glues it."""
    words = re.findall(r"\w+", name.lower())
    turned = words[-1:] + words[:-1]
    return ["".join(words), "".join(turned)]


def key(bundle: dict, submission: Submission) -> str:
    """A digest of all that a result depends on."""
    digest = hashlib.sha256(_own_code())
    digest.update(json.dumps(bundle, sort_keys=True).encode() + confinement().encode())
    for file in submission.files:
        content = file.content if file.content is not None else file.why.encode()
        digest.update(f"{file.name}\0{len(content)}\0".encode("utf8", "replace"))
        digest.update(content)
    digest.update(submission.student.encode("utf8", "replace"))
    return digest.hexdigest()[:32]


def _own_code() -> bytes:
    files = sorted(Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).digest()


def _all(bundle, waiting, jobs: int):
    """Judge submissions in `jobs` processes at a time; yields (student, result)."""
    import torch

    torch.set_num_threads(1)  # so that this process may fork
    tqdm.monitor_interval = 0
    running, waiting = {}, list(reversed(waiting))
    try:
        while waiting or running:
            while waiting and len(running) < max(1, jobs):
                submission, file = waiting.pop()
                running.update(_start(bundle, submission, file))
            ready, _, _ = select.select(list(running), [], [], 0.2)
            for pipe in list(running):
                pid, submission, file, end = running[pipe]
                late = time.monotonic() > end
                if pipe in ready or late:
                    del running[pipe]
                    yield submission.student, _finish(pipe, pid, file, bundle, late)
    finally:
        for pid, *_ in running.values():
            _kill(pid)


def _start(bundle, submission, file):
    read, write = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            os.close(read)
            os.setsid()
            result = one(bundle, submission)
            report.write(file, json.dumps(result, ensure_ascii=True))
            status = 0
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
            with suppress(OSError):
                os.write(write, text.encode("utf8", "replace")[:2000])
        finally:
            os._exit(status)
    os.close(write)
    end = time.monotonic() + bundle["limits"]["total"] + START + MARGIN
    return {read: (pid, submission, file, end)}


def _finish(pipe, pid, file, bundle, late: bool) -> dict:
    if late:
        _kill(pid)
    told = b"" if late else os.read(pipe, 2000)
    os.close(pipe)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)
    try:
        return json.loads(file.read_text("utf8"))
    except (OSError, ValueError):
        why = told.decode("utf8", "replace") or "the judge was stopped"
        return nothing(bundle, "error", report.tidy(f"could not be graded: {why}"))


def _kill(pid: int) -> None:
    with suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(OSError):
        os.kill(pid, signal.SIGKILL)


def one(bundle: dict, submission: Submission) -> dict:
    """The result of one student."""
    if not submission.files:
        return nothing(bundle, "missing", "nothing was handed in")
    try:
        cells, name, notes = choose(submission.files, bundle["wanted"])
    except Unreadable as error:
        return nothing(bundle, "unreadable", report.tidy(error))
    code = [cell["source"] for cell in cells if cell["kind"] == "code"]
    result = judge(bundle, code, notes)
    result["notes"] = [report.tidy(note) for note in result["notes"]]
    result["answers"] = answers(cells, [m["question"] for m in bundle["manual"]])
    return result | {"file": name}


def answers(cells: list[dict], asked: list[str]) -> dict[str, str]:
    """Answers in words: the text under its heading, or the next cell of text."""
    texts, found = [c["source"] for c in cells if c["kind"] == "text"], {}
    for question in asked:
        head = rf"Your answer to question {re.escape(question)}:\**\s*"
        for number, text in enumerate(texts):
            match = re.search(head, text, re.I)
            if match:
                answer = text[match.end() :].strip().strip("…").strip()
                if not answer and number + 1 < len(texts):
                    following = texts[number + 1].strip()
                    answer = "" if following.startswith("#") else following
                found[question] = answer[:5000]
                break
    return found
