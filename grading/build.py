"""From a master to what students and graders get, and the proof that it is right.

A build fails unless the solution gets all points, the untouched student notebook gets
none, and no line of a solution, a hidden test, a rubric or a model answer is in the
student notebook.
"""

import ast
import io
import json
import os
import zipfile
from pathlib import Path

import nbformat

from grading import GradingError
from grading.inside import selection
from grading.judge import FORMAT, judge
from grading.master import Cell, Lab, read_master, stub
from grading.sandbox import Limits

SHORTEST = 16  # a line of fewer characters gives nothing away
ANSWER = "**Your answer to question {}:**"
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def build(master: Path, output: Path, seed: int = 0, prove: bool = True) -> Path:
    """Build one lab into the folder `output`/name. Raises GradingError.

    seed: what the data of hidden tests is drawn from; keep yours to yourself.
    """
    lab = read_master(master)
    student, solution = student_notebook(lab), solution_notebook(lab)
    guard(lab, student)
    content = bundle(lab, seed)
    if prove:
        prove_scores(content, student, solution)
    folder = Path(output) / lab.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{lab.name}.ipynb").write_text(student, "utf8")
    (folder / f"{lab.name}.solution.ipynb").write_text(solution, "utf8")
    text = json.dumps(content, indent=1, ensure_ascii=False)
    private(folder / f"{lab.name}.bundle.json", text.encode())
    needed = lab.about.get("requirements", [])
    private(folder / f"{lab.name}.gradescope.zip", gradescope_zip(text, needed))
    return folder


def private(path: Path, content: bytes) -> None:
    """Write a file that other users cannot read."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(content)


def student_notebook(lab: Lab) -> str:
    """The text of the notebook that students get."""
    cells = []
    for cell in lab.cells:
        if cell.role in ("hidden", "helper", "rubric"):
            continue
        if cell.role == "solution":
            cells.append(("code", stub(cell.source)))
        elif cell.role == "answer":
            cells.append(("text", ANSWER.format(cell.question) + "\n\n…"))
        elif cell.role == "check":
            number = _numbers(lab)[id(cell)]
            done = f'print("Question {cell.question}: check {number} passed.")'
            cells.append(("code", f"{cell.source}\n{done}"))
        else:
            cells.append((cell.kind, cell.source))
    return notebook(lab, cells)


def solution_notebook(lab: Lab) -> str:
    """The text of the notebook with solutions, hidden tests and rubrics in place."""
    cells = []
    for cell in lab.cells:
        source = cell.source
        if cell.role == "hidden":
            source = _for_notebook(lab, cell)
        if cell.role == "answer":
            source = f"{ANSWER.format(cell.question)}\n\n{source}"
        if cell.role == "rubric":
            source = f"**Rubric of question {cell.question}**\n\n{source}"
        cells.append((cell.kind, source))
    return notebook(lab, cells)


def _for_notebook(lab: Lab, cell: Cell) -> str:
    name = f"{cell.question}.{_numbers(lab)[id(cell)]}"
    code = "\n".join(f"# {line}".rstrip() for line in cell.source.split("\n"))
    return f"# Hidden test {name}, which the grader runs:\n{code}"


def notebook(lab: Lab, cells: list[tuple[str, str]]) -> str:
    """A notebook without outputs, the same in every build."""
    made = []
    first = lab.about.get("first_cell")
    if first:
        cells = [cells[0], ("code", first.strip()), *cells[1:]]
    for number, (kind, source) in enumerate(cells):
        new = nbformat.v4.new_code_cell if kind == "code" else (
            nbformat.v4.new_markdown_cell
        )
        cell = new(source)
        cell["id"] = f"cell-{number}"
        made.append(cell)
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    metadata |= {"colab": {"name": f"{lab.name}.ipynb", "provenance": []}}
    result = nbformat.v4.new_notebook(cells=made, metadata=metadata)
    result.nbformat_minor = 5
    return nbformat.writes(result) + "\n"


def bundle(lab: Lab, seed: int = 0) -> dict:
    """What the grader needs: tests, given code, solutions, rubrics, limits."""
    tests, numbers = [], _numbers(lab)
    for cell in lab.of("check", "hidden"):
        about = {"question": cell.question, "number": numbers[id(cell)]}
        about |= {"points": cell.points, "hidden": cell.role == "hidden"}
        tests.append(about | {"source": cell.source})
    rubrics = {cell.question: cell.source for cell in lab.of("rubric")}
    manual = [
        {"question": c.question, "points": c.points, "answer": c.source,
         "rubric": rubrics[c.question]}
        for c in lab.of("answer")
    ]  # fmt: skip
    solutions = [cell.source for cell in lab.of("solution")]
    classes = [
        node.name
        for source in solutions
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef)
    ]
    shown = [*lab.given, *(c.source for c in lab.of("helper"))]
    code = [cell.source for cell in lab.cells if cell.kind == "code"]
    imported = [name for source in code for name in imports(source)]
    limits = Limits(**lab.about.get("limits", {}))
    packages = lab.about.get("packages", [])
    return {
        "format": FORMAT,
        "name": lab.name,
        "title": lab.title,
        "seed": seed,
        "wanted": lab.wanted,
        "objects": [*classes, *lab.about.get("objects", [])],
        "given": shown,
        "solution": solutions,
        "tests": tests,
        "manual": manual,
        "packages": packages,
        "preload": sorted(set(imported)),
        "limits": {"call": limits.call, "total": limits.total, "memory": limits.memory},
    }


def _numbers(lab: Lab) -> dict[int, int]:
    """The number of each check and test inside its question, by the cell's id()."""
    seen, numbers = {}, {}
    for cell in lab.of("check", "hidden"):
        seen[cell.question] = seen.get(cell.question, 0) + 1
        numbers[id(cell)] = seen[cell.question]
    return numbers


def imports(source: str) -> list[str]:
    """Modules that a cell imports at its top level."""
    found = []
    for node in ast.parse(selection.without_magics(source)).body:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
    return found


def guard(lab: Lab, student: str) -> None:
    """Prove that nothing secret is in the student notebook. Raises GradingError."""
    public = [cell["source"] for cell in json.loads(student)["cells"]]
    public = ["".join(source) for source in public]
    shown = {plain(line) for source in public for line in source.split("\n")}
    whole = plain(" ".join(public))
    for cell in lab.of("solution", "hidden", "helper", "answer", "rubric"):
        secret = cell.source.split("\n")
        if cell.role == "solution":
            stays = {plain(line) for line in stub(cell.source).split("\n")}
            secret = [line for line in secret if plain(line) not in stays]
        for line in map(plain, secret):
            if len(line) >= SHORTEST and (line in shown or line in whole):
                raise GradingError(
                    f"{lab.name}: the student notebook holds a line of a {cell.role} "
                    f"cell: {line!r}"
                )
    for cell in json.loads(student)["cells"]:
        if cell["metadata"] or cell.get("outputs") or "attachments" in cell:
            raise GradingError(f"{lab.name}: a cell has metadata or outputs")


def plain(line: str) -> str:
    """A line without comment marks and blanks, so that formatting hides nothing."""
    return "".join(line.strip().lstrip("#").split())


def prove_scores(content: dict, student: str, solution: str) -> None:
    """Run the grader on both notebooks. Raises GradingError."""
    best = judge(content, code_of(solution))
    missed = [t for t in best["tests"] if t["got"] < t["points"]]
    if missed or best["status"] != "graded":
        told = [f"{t['question']}.{t['number']}: {t['message']}" for t in missed]
        told = told or best["notes"]
        raise GradingError(f"the solution does not get all points: {'; '.join(told)}")
    if not content["tests"] or not any(t["points"] for t in content["tests"]):
        raise GradingError("the lab has no tests with points")
    none = judge(content, code_of(student))
    gained = [f"{t['question']}.{t['number']}" for t in none["tests"] if t["got"]]
    if gained:
        raise GradingError(f"the untouched notebook passes {', '.join(gained)}")


def code_of(notebook_text: str) -> list[str]:
    cells = json.loads(notebook_text)["cells"]
    return ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]


def gradescope_zip(bundle_text: str, requirements=()) -> bytes:
    """The zip that Gradescope's autograder takes: this package, the bundle, setup."""
    here = Path(__file__).parent
    setup = (
        "#!/usr/bin/env bash\nset -e\napt-get update\n"
        "apt-get install -y python3-pip bubblewrap\n"
        "pip3 install --break-system-packages torch --index-url "
        "https://download.pytorch.org/whl/cpu\n"
        "pip3 install --break-system-packages tqdm pyyaml numpy\n"
        "test ! -e /autograder/source/packages.txt || pip3 install "
        "--break-system-packages -r /autograder/source/packages.txt\n"
    )
    run = (
        "#!/usr/bin/env bash\ncd /autograder/source && exec python3 -m grading "
        "gradescope bundle.json /autograder/submission "
        "/autograder/results/results.json\n"
    )
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:

        def add(name: str, text: str, mode: int = 0o644):
            about = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            about.external_attr = (0o100000 | mode) << 16
            about.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(about, text)

        add("setup.sh", setup, 0o755)
        add("run_autograder", run, 0o755)
        add("bundle.json", bundle_text, 0o600)
        if requirements:
            add("packages.txt", "\n".join(requirements) + "\n")
        for path in sorted(here.rglob("*.py")):
            add(f"grading/{path.relative_to(here).as_posix()}", path.read_text("utf8"))
    return kept.getvalue()
