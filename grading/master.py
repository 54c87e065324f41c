"""Read a lab's master: one text that holds tasks, solutions, checks and tests.

A master is a MyST notebook. What a cell is for, its tags say:

    (none)       text and code that everybody sees; its definitions are *given*
    solution     functions to write: in the student's notebook their bodies are stubs
    check        a visible check, plain asserts; graded (question, points)
    hidden       a hidden test (question, points)
    helper       code for the tests only; its functions may be passed to the student's
    experiment   code that students run and graders never do
    answer       text: the model answer of a question in words (question, points)
    rubric       text: how to grade it (question)

`question` and `points` are options of the cell.
"""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

import jupytext
import yaml

from grading import GradingError
from grading.inside import selection

ROLES = "solution check hidden helper experiment answer rubric".split()
FIELDS = {"name", "title", "chapter", "minutes", "objects", "limits", "packages"}


@dataclass(frozen=True)
class Cell:
    """One cell of a master. role: one of ROLES, or empty."""

    kind: str
    role: str
    source: str
    question: str = ""
    points: float = 0.0


@dataclass(frozen=True)
class Lab:
    """A master that has been read."""

    name: str
    title: str
    cells: tuple[Cell, ...]
    about: dict = field(default_factory=dict)

    @property
    def wanted(self) -> list[str]:
        """Names of the functions and classes that students write, in order."""
        return [name for cell in self.of("solution") for name in _defined(cell.source)]

    def of(self, *roles: str) -> list[Cell]:
        return [cell for cell in self.cells if cell.role in roles]

    @property
    def given(self) -> list[str]:
        """Code that tests and students share."""
        return [c.source for c in self.cells if c.kind == "code" and not c.role]


def read_master(path: Path) -> Lab:
    """Read and check a master. Raises GradingError naming the cell at fault."""
    path = Path(path)
    defaults = common_settings(path.parent)
    try:
        text = path.read_text("utf8")
    except OSError as error:
        raise GradingError(f"cannot read {path}: {error.strerror}") from None
    match = re.match(r"---\n(.*?)\n---\n", text, re.S)
    front = yaml.safe_load(match[1]).get("lab") if match else None
    if not isinstance(front, dict) or not {"name", "title"} <= front.keys():
        raise GradingError(f"{path}: the front matter needs lab: with name and title")
    if unknown := front.keys() - FIELDS:
        raise GradingError(f"{path}: unknown in lab: {', '.join(sorted(unknown))}")
    notebook = jupytext.reads(text, fmt="md:myst")
    cells = tuple(_cell(path, i, cell) for i, cell in enumerate(notebook.cells))
    lab = Lab(front["name"], front["title"], cells, defaults | front)
    _check(path, lab)
    return lab


def common_settings(folder: Path) -> dict:
    """What the labs of a folder share: its labs.yml, with ``{a.b}`` filled in.

    ``{repository.url}`` stands for that entry of the YAML file named by ``settings``,
    so that an address is written in one place. Raises GradingError where it is absent.
    """
    common = Path(folder) / "labs.yml"
    if not common.exists():
        return {}
    text = common.read_text("utf8")
    source = yaml.safe_load(text).get("settings")
    known = yaml.safe_load((common.parent / source).read_text("utf8")) if source else {}

    def value(match: re.Match) -> str:
        found = known
        for key in match[1].split("."):
            found = found.get(key) if isinstance(found, dict) else None
        if not isinstance(found, str):
            raise GradingError(f"{common}: {source} has no text at {match[1]}")
        return found

    filled = yaml.safe_load(re.sub(r"\{(\w+(?:\.\w+)+)\}", value, text))
    return {key: entry for key, entry in filled.items() if key != "settings"}


def _cell(path, number: int, cell) -> Cell:
    roles = [tag for tag in cell.metadata.get("tags", []) if tag in ROLES]
    place = f"{path}, cell {number + 1} ({cell.source.strip().split(chr(10))[0][:40]})"
    unknown = set(cell.metadata) - {"tags", "question", "points"}
    unknown |= set(cell.metadata.get("tags", [])) - set(ROLES)
    if unknown or len(roles) > 1:
        wrong = ", ".join(sorted(unknown)) or "two roles"
        raise GradingError(f"{place}: {wrong}; the tags are {', '.join(ROLES)}")
    role = roles[0] if roles else ""
    question = str(cell.metadata.get("question", ""))
    points = float(cell.metadata.get("points", 1 if role in ("check", "hidden") else 0))
    if role in ("check", "hidden", "answer", "rubric") and not question:
        raise GradingError(f"{place}: a cell with the tag {role} needs a question")
    kind = "code" if cell.cell_type == "code" else "text"
    if (kind == "text") != (role in ("answer", "rubric")) and role:
        raise GradingError(f"{place}: {role} is not for a cell of {kind}")
    if kind == "code":
        try:
            ast.parse(selection.without_magics(cell.source))
        except SyntaxError as error:
            raise GradingError(f"{place}: {error}") from None
    return Cell(kind, role, cell.source.strip("\n"), question, points)


def _check(path, lab: Lab) -> None:
    if not lab.wanted:
        raise GradingError(f"{path}: no cell has the tag solution")
    twice = {name for name in lab.wanted if lab.wanted.count(name) > 1}
    if twice:
        raise GradingError(f"{path}: written twice: {', '.join(sorted(twice))}")
    tested = {cell.question for cell in lab.of("check", "hidden")}
    for cell in lab.of("answer"):
        if cell.question in tested:
            raise GradingError(f"{path}: question {cell.question} is both kinds")
        if cell.question not in {c.question for c in lab.of("rubric")}:
            raise GradingError(f"{path}: question {cell.question} has no rubric")


def _defined(source: str) -> list[str]:
    kinds = ast.FunctionDef | ast.ClassDef
    return [node.name for node in ast.parse(source).body if isinstance(node, kinds)]


def stub(source: str) -> str:
    """Take the bodies out of a solution: signature and docstring stay.

    Lines between ``### BEGIN SOLUTION`` and ``### END SOLUTION`` go if there are such
    marks; otherwise the whole body of every function and method.
    """
    lines = source.split("\n")
    if any("### BEGIN SOLUTION" in line for line in lines):
        return _without_marked(lines)
    cuts = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            inside = any(a < node.lineno <= b for a, b, *_ in cuts)
            if not inside:
                cuts.append(_body(node))
    for first, last, indent, name in sorted(cuts, reverse=True):
        lines[first - 1 : last] = [
            f"{indent}# Your code here.",
            f'{indent}raise NotImplementedError("{name} is yours to write")',
        ]
    return "\n".join(lines)


def _body(node):
    text = ast.get_docstring(node) is not None
    first = node.body[0].end_lineno + 1 if text else node.body[0].lineno
    return first, node.end_lineno, " " * node.body[0].col_offset, node.name


def _without_marked(lines: list[str]) -> str:
    kept, inside = [], False
    for line in lines:
        if "### BEGIN SOLUTION" in line:
            inside, indent = True, line[: len(line) - len(line.lstrip())]
            kept += [f"{indent}# Your code here.", f"{indent}raise NotImplementedError"]
        elif "### END SOLUTION" in line:
            inside = False
        elif not inside:
            kept.append(line)
    if inside:
        raise GradingError("### BEGIN SOLUTION without ### END SOLUTION")
    return "\n".join(kept)
