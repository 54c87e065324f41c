"""The judge: holds the hidden tests, calls the student's functions, gives the points.

It runs in a process of its own and executes nothing but the lab's own code. Each test
gets a new runner in the sandbox; a test that fails, hangs or kills its runner costs its
own points only. After two lost sandboxes the rest of the tests is not run.
"""

import ast
import json
import random
import re
import time
from pathlib import Path
from types import SimpleNamespace

import torch

from grading import GradingError
from grading.checks import HELPERS
from grading.inside import selection
from grading.sandbox import Limits, Lost, Sandbox
from grading.student import Function, Session, Stopped, StudentError

FORMAT = 1
SANDBOXES = 2  # how many may be lost before the rest is not run
SKIPPED = 3  # statements that hang or crash and are left out


def read_bundle(path: Path) -> dict:
    """Read what `build` wrote for grading. Raises GradingError."""
    try:
        bundle = json.loads(Path(path).read_text("utf8"))
    except OSError as error:
        raise GradingError(f"cannot read the bundle {path}: {error.strerror}") from None
    except ValueError:
        raise GradingError(f"{path} is no bundle: make it with build") from None
    if not isinstance(bundle, dict) or bundle.get("format") != FORMAT:
        raise GradingError(f"{path} is no bundle of this version: build it again")
    return bundle


def nothing(bundle: dict, status: str, note: str) -> dict:
    """The result of a submission that could not be run."""
    tests = [_result(test, 0.0, note) for test in bundle["tests"]]
    return {"status": status, "notes": [note], "tests": tests}


def judge(bundle: dict, cells: list[str], notes=()) -> dict:
    """Grade the code cells of one submission.

    Returns status, notes, and for each test its points and message.
    """
    court = Court(bundle, cells)
    try:
        return court.hold(list(notes))
    finally:
        court.close()


class Court:
    """One submission against all tests of a lab."""

    def __init__(self, bundle: dict, cells: list[str]):
        self.bundle, self.cells = bundle, cells
        self.limits = Limits(**bundle["limits"])
        self.deadline = time.monotonic() + self.limits.total
        self.sandbox, self.lost, self.skip = None, 0, []
        self.given = namespace(bundle["given"], "given")
        solution = namespace([*bundle["given"], *bundle["solution"]], "reference")
        self.reference = SimpleNamespace(**{n: solution[n] for n in bundle["wanted"]})

    def hold(self, notes: list[str]) -> dict:
        try:
            about = self.first_look(notes)
        except Stopped as stopped:
            return nothing(self.bundle, "stopped", str(stopped)) | {
                "notes": [*notes, str(stopped)]
            }
        notes += about["notes"]
        results = []
        for test in self.bundle["tests"]:
            points, message = self.run(test, about)
            results.append(_result(test, points, message))
        stopped = self.lost or any("time limit" in r["message"] for r in results)
        status = "stopped" if stopped else "partly" if self.skip else "graded"
        return {"status": status, "notes": notes, "tests": results}

    def first_look(self, notes) -> dict:
        """Load the definitions once; find the statements that hang or crash."""
        while True:
            session = None
            try:
                session = self.session()
                return self.load(session)
            except (Stopped, Lost) as error:
                place = session.place if session else None
                known = isinstance(place, list) and all(type(i) is int for i in place)
                if isinstance(error, Lost) or not known or len(place) != 2:
                    raise Stopped(str(error)) from None
                if place in self.skip or len(self.skip) >= SKIPPED:
                    raise Stopped(str(error)) from None
                self.skip.append(place)
                notes.append(f"code cell {place[0] + 1}: {error}")
            finally:
                self.end(session)

    def session(self) -> Session:
        if time.monotonic() >= self.deadline:
            raise Stopped(f"time limit: {self.limits.total:g} s for all tests are over")
        if self.sandbox is None:
            if self.lost >= SANDBOXES:
                raise Stopped("not run: the submission has destroyed its sandbox twice")
            packages, preload = self.bundle["packages"], self.bundle["preload"]
            started = time.monotonic()
            self.sandbox = Sandbox(self.limits, packages, preload)
            self.deadline += time.monotonic() - started  # not the submission's time
        try:
            seed, objects = self.bundle["seed"], self.bundle["objects"]
            return Session(self.sandbox, self.deadline, seed, objects)
        except Lost:
            self.lose()
            return self.session()

    def load(self, session: Session) -> dict:
        given, wanted = self.bundle["given"], self.bundle["wanted"]
        return session.load(self.cells, given, wanted, self.skip)

    def end(self, session: Session | None) -> None:
        if session is not None:
            try:
                session.close()
            except Lost:
                self.lose()

    def lose(self) -> None:
        self.lost += 1
        self.close()

    def close(self) -> None:
        if self.sandbox is not None:
            self.sandbox.close()
            self.sandbox = None

    def run(self, test: dict, about: dict) -> tuple[float, str]:
        """Run one test: its points, and what the student should read."""
        needed = names_in(test["source"]) & set(self.bundle["wanted"])
        for name in sorted(needed - set(about["found"])):
            return 0.0, missing(name, about["others"])
        session = None
        try:
            session = self.session()
            self.load(session)
            names = dict(self.given) | HELPERS | {"__name__": "test"}
            names |= {name: Function(session, name) for name in self.bundle["wanted"]}
            names |= {"reference": self.reference, "seed": self.bundle["seed"]}
            random.seed(0)
            torch.manual_seed(0)
            place = f"test {test['question']}.{test['number']}"
            exec(compile(test["source"], place, "exec", dont_inherit=True), names)
            return float(test["points"]), ""
        except AssertionError as error:
            return 0.0, str(error) or "the result is wrong"
        except (Stopped, Lost) as error:
            return 0.0, str(error)
        except StudentError as error:
            if "NotImplementedError" in error.kinds:
                return 0.0, f"{', '.join(sorted(needed))}: not written yet"
            return 0.0, str(error)
        except Exception as error:
            told = f"{type(error).__name__}: {str(error)[:200]}"
            return 0.0, f"the result cannot be used: {told}"
        finally:
            self.end(session)


def namespace(sources: list[str], name: str) -> dict:
    """Execute the lab's own imports, definitions and constants."""
    names, library = {"__name__": name}, selection.Library()
    for source in sources:
        body = selection.selected(selection.parse(source), library)
        exec(compile(ast.Module(body, []), name, "exec", dont_inherit=True), names)
    return names


def names_in(source: str) -> set[str]:
    nodes = ast.walk(ast.parse(source))
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def missing(name: str, others: list[str]) -> str:
    """Say that a function is missing, and whether one of a similar name is there."""
    from difflib import get_close_matches

    near = get_close_matches(name, others, 1, 0.8)
    hint = f" ({near[0]!a} is not the same name)" if near else ""
    return f"the submission has no function {name!r}{hint}"


def _result(test: dict, points: float, message: str) -> dict:
    kept = {key: test[key] for key in ("question", "number", "hidden", "points")}
    return kept | {"got": points, "message": tidy(message)}


def tidy(text: str, length: int = 500) -> str:
    """One line of a student's text, printable, the same in every run."""
    text = re.sub(r"0x[0-9a-fA-F]{4,}", "0x…", str(text))
    text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())[:length]
