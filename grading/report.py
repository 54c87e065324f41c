"""What comes out: a table of all students, a report for each, a sheet to fill by hand.

Scores of questions in words come from that sheet: `manual.csv` is filled in by a person
and merged. Tables are safe to open in a spreadsheet: a cell that would be a formula is
given a leading apostrophe.
"""

import csv
import io
import os
import re
from pathlib import Path

from grading import GradingError
from grading.judge import tidy

SHEET = ["student", "question", "points", "of", "comment"]


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text, "utf8")
    os.replace(part, path)


def table(rows: list[list]) -> str:
    kept = io.StringIO()
    csv.writer(kept, lineterminator="\n").writerows(
        [[safe(value) for value in row] for row in rows]
    )
    return kept.getvalue()


def safe(value) -> str:
    """A value as a text that no spreadsheet runs."""
    text = f"{value:g}" if isinstance(value, float) else tidy(value, 1000)
    formula = text[:1] in tuple("=+-@") and not re.fullmatch(r"[+-]?[\d.]+", text)
    return f"'{text}" if formula else text


def questions(bundle: dict) -> dict[str, float]:
    """Points of each automatic question."""
    found = {}
    for test in bundle["tests"]:
        found[test["question"]] = found.get(test["question"], 0.0) + test["points"]
    return found


def scores(bundle: dict, result: dict) -> dict[str, float]:
    found = dict.fromkeys(questions(bundle), 0.0)
    for test in result["tests"]:
        found[test["question"]] += test["got"]
    return found


def reason(result: dict) -> str:
    """In one line why a row is as it is."""
    messages = {}
    for test in result["tests"]:
        if test["message"] and test["message"] not in result["notes"]:
            name = f"{test['question']}.{test['number']}"
            messages.setdefault(test["message"], []).append(name)
    told = [f"{', '.join(names)}: {text}" for text, names in messages.items()]
    told = [*result["notes"], *told]
    return tidy("; ".join(told), 600)


def grades(bundle: dict, results: dict[str, dict], by_hand: dict) -> str:
    """The table: a row for every student, in order of their names."""
    asked = questions(bundle)
    manual = {m["question"]: m["points"] for m in bundle["manual"]}
    head = ["student", "status", "score", "of"]
    head += [f"question {q} ({p:g})" for q, p in asked.items()]
    head += [f"question {q} ({p:g}, by hand)" for q, p in manual.items()]
    rows = [head + ["file", "reason"]]
    for student in sorted(results):
        result = results[student]
        got = scores(bundle, result)
        hand = [by_hand.get((student, q), ("", ""))[0] for q in manual]
        total = sum(got.values()) + sum(p for p in hand if p != "")
        row = [student, result["status"], total]
        row += [sum(asked.values()) + sum(manual.values()), *got.values(), *hand]
        rows.append(row + [result.get("file", ""), reason(result)])
    return table(rows)


def report(bundle: dict, student: str, result: dict, by_hand: dict) -> str:
    """What a student reads, in Markdown."""
    asked, got = questions(bundle), scores(bundle, result)
    lines = [f"# {bundle['title']}: {quoted(student)}", ""]
    lines += [f"{sum(got.values()):g} of {sum(asked.values()):g} points in the "
              f"questions that are graded by tests. Status: {result['status']}."]
    if result.get("file"):
        lines += ["", f"Graded file: {quoted(result['file'])}"]
    lines += ["", *(f"- {quoted(note)}" for note in result["notes"])]
    for question, points in asked.items():
        lines += ["", f"## Question {question}: {got[question]:g} of {points:g}", ""]
        for test in result["tests"]:
            if test["question"] == question:
                kind = "hidden test" if test["hidden"] else "check"
                verdict = f"**failed:** {quoted(test['message'])}"
                verdict = "passed" if test["got"] >= test["points"] else verdict
                lines += [f"- {kind} {question}.{test['number']} "
                          f"({test['got']:g} of {test['points']:g}): {verdict}"]
    for manual in bundle["manual"]:
        question, most = manual["question"], manual["points"]
        points, comment = by_hand.get((student, question), ("", ""))
        given = f"{points:g}" if points != "" else "not graded yet"
        lines += ["", f"## Question {question}: {given} of {most:g}, by hand", ""]
        lines += [manual["rubric"].strip(), "", "Answer:", ""]
        answer = result.get("answers", {}).get(question, "")
        lines += [f"> {quoted(line)}" for line in answer.split("\n")] or ["> (none)"]
        if comment:
            lines += ["", f"Comment: {quoted(comment)}"]
    return "\n".join(lines).rstrip() + "\n"


def quoted(text: str) -> str:
    """A student's text, so that it is read as text and not as Markdown or HTML."""
    return re.sub(r"([\\`*_\[\]<>#|!])", r"\\\1", tidy(text, 2000))


def file_name(student: str) -> str:
    """A file name for a student, different for different students."""
    from hashlib import sha256

    plain = re.sub(r"[^\w.-]+", "_", student).strip("._")[:60]
    if plain == student:
        return plain
    return f"{plain or 'student'}-{sha256(student.encode()).hexdigest()[:8]}"


def sheet(bundle: dict, results: dict, by_hand: dict) -> str:
    """The sheet to fill: one row for each student and question in words."""
    rows = [SHEET]
    for student in sorted(results):
        for manual in bundle["manual"]:
            points, comment = by_hand.get((student, manual["question"]), ("", ""))
            row = [student, manual["question"], points, manual["points"], comment]
            rows.append(row)
    return table(rows)


def read_sheet(path: Path, bundle: dict, results: dict) -> dict:
    """Points and comments by (student, question). Raises GradingError with the line."""
    most = {m["question"]: m["points"] for m in bundle["manual"]}
    names = {safe(student): student for student in results}
    found = {}
    try:
        rows = list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
    except OSError as error:
        raise GradingError(f"cannot read {path}: {error.strerror}") from None
    for number, row in enumerate(rows, 2):
        student, question = names.get(row.get("student")), row.get("question")
        if student is None or question not in most:
            raise GradingError(
                f"{path}, line {number}: no student {row.get('student')!r} with a "
                f"question {question!r} in this lab"
            )
        text = (row.get("points") or "").strip().replace(",", ".")
        if not text:
            continue
        points = float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else -1.0
        if not 0 <= points <= most[question]:
            raise GradingError(
                f"{path}, line {number}: points are {text!r}; give a number from 0 to "
                f"{most[question]:g}"
            )
        found[student, question] = points, (row.get("comment") or "").strip()
    return found
