"""Find what each student handed in, in the folders that course systems export.

    Canvas       lovelaceada_LATE_1234_5678_lab-2.ipynb       one folder of files
    Moodle       Ada Lovelace_1234_assignsubmission_file_/    a folder a student
    Gradescope   submission_metadata.yml, submission_1234/    a folder a submission
    anything     ada.ipynb, ada.py, ada.zip, ada/...          named after the student

Nothing is trusted: links are not followed, files are read up to a limit, and zips are
read in memory, member by member, never unpacked onto the disk.
"""

import io
import json
import os
import re
import stat
import unicodedata
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from grading import GradingError

FILE_LIMIT = 20 << 20
ZIP_LIMIT, ZIP_MEMBERS = 200 << 20, 2_000
KINDS = (".ipynb", ".py")
CANVAS = re.compile(r"^(?P<name>[^_]+)_(?:LATE_)?(?P<id>\d+)_\d+_(?P<file>.+)$")
MOODLE = re.compile(r"^(?P<name>.+)_(?P<id>\d+)_assignsubmission_(file|onlinetext)_?$")
ATTEMPT = re.compile(r"-(\d+)\.\w+$| ?\((\d+)\)\.\w+$")


@dataclass
class Handed:
    """One file that was handed in. content: None if it could not be taken (why)."""

    name: str
    content: bytes | None
    why: str = ""


@dataclass
class Submission:
    """All files of one student. student: as the course system names them.

    aliases: other names under which a roster may list the student.
    """

    student: str
    aliases: set[str] = field(default_factory=set)
    files: list[Handed] = field(default_factory=list)


class Unreadable(Exception):
    """A file is not a submission; the message says what it is."""


def collect(path: Path) -> list[Submission]:
    """Find all submissions in a folder, or a zip of one. Raises GradingError."""
    path = Path(path)
    if path.is_file() and path.suffix.lower() == ".zip":
        handed = list(unzip(path.name, _read(path).content or b""))
    elif path.is_dir():
        handed = list(_walk(path, path))
    else:
        raise GradingError(f"{path} is neither a folder nor a zip of submissions")
    return group(handed)


def group(handed: list[Handed]) -> list[Submission]:
    """Sort files by student."""
    metadata = [f for f in handed if f.name.endswith("submission_metadata.yml")]
    names = _gradescope(metadata[0]) if metadata else {}
    base = metadata[0].name.removesuffix("submission_metadata.yml") if metadata else ""
    if not metadata:
        tops = {f.name.split("/")[0] for f in handed}
        # a zip or an export often holds one folder around everything
        if len(tops) == 1 and all(f.name.count("/") > 1 for f in handed):
            base = f"{tops.pop()}/"
    found: dict[str, Submission] = {}
    for file in handed:
        name = file.name.removeprefix(base)
        top, _, rest = name.partition("/")
        if file in metadata or (metadata and not rest):
            continue
        student, aliases = _student(top, "/" in name, names)
        entry = found.setdefault(student, Submission(student))
        entry.aliases |= aliases
        if file.name.endswith("/"):
            continue  # an empty folder is a student without files
        canvas = CANVAS.match(top)
        shown = rest or (canvas["file"] if canvas else top)
        if file.content is not None and shown.lower().endswith(".zip"):
            inside = list(unzip(shown, file.content))
            entry.files += inside
        else:
            entry.files.append(Handed(shown, file.content, file.why))
    return [found[name] for name in sorted(found)]


def _student(top: str, folder: bool, names: dict) -> tuple[str, set[str]]:
    if top in names:
        return names[top]
    if match := CANVAS.match(top) if not folder else MOODLE.match(top):
        return match["name"], {match["name"], match["id"]}
    name = top if folder else Path(top).stem
    return name, {name}


def _gradescope(file: Handed) -> dict[str, tuple[str, set[str]]]:
    """Names of the submitters by folder; a group's folder is all its members'."""
    import yaml

    try:
        data = yaml.safe_load(file.content or b"")
        names = {}
        for folder, about in data.items():
            people = about[":submitters"]
            known = [
                str(person[key])
                for person in people
                for key in (":name", ":sid", ":email")
                if person.get(key)
            ]
            shown = " and ".join(str(person[":name"]) for person in people)
            names[str(folder)] = shown, {shown, *known}
        return names
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise GradingError(
            f"cannot understand {file.name} ({type(error).__name__}): export the "
            "submissions from Gradescope again"
        ) from None


def _walk(root: Path, folder: Path):
    """Every file under `folder`; what is no plain file comes with a reason."""
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    entries = [e for e in entries if not _hidden(e.name)]
    if not entries and folder != root:
        yield Handed(f"{folder.relative_to(root).as_posix()}/", None)
    for entry in entries:
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(root, path)
        else:
            yield _read(path, path.relative_to(root).as_posix())


def _hidden(name: str) -> bool:
    return name.startswith(".") or name in ("__MACOSX", "__pycache__")


def _read(path: Path, name: str = "") -> Handed:
    name = _printable(name or path.name)
    limit = ZIP_LIMIT if name.lower().endswith(".zip") else FILE_LIMIT
    try:
        flags = os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0)
        number = os.open(path, flags)
    except OSError as error:
        link = path.is_symlink()
        why = "a symbolic link, which is not followed" if link else error.strerror
        return Handed(name, None, why)
    with open(number, "rb") as file:
        about = os.fstat(number)
        if not stat.S_ISREG(about.st_mode):
            return Handed(name, None, "not a plain file")
        if about.st_size > limit:
            return Handed(name, None, f"too large: {about.st_size >> 20} MB")
        return Handed(name, file.read(limit + 1)[:limit])


def unzip(name: str, content: bytes):
    """The files of a zip, without following its tricks."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        yield Handed(name, None, f"a zip that cannot be read ({error})")
        return
    if len(members) > ZIP_MEMBERS:
        yield Handed(name, None, f"a zip of {len(members)} files")
        return
    total = 0
    for member in members:
        inside = _printable(member.filename)
        parts = inside.split("/")
        if member.is_dir() or any(_hidden(part) for part in parts if part != ".."):
            continue
        mode = member.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            yield Handed(inside, None, "a link in a zip, which is not followed")
        elif inside.startswith("/") or ".." in parts or ":" in parts[0]:
            yield Handed(inside, None, "a path that leads out of the zip")
        elif not inside.lower().endswith((*KINDS, ".zip", ".yml")):
            continue
        else:
            handed = _member(archive, member, inside)
            total += len(handed.content or b"")
            if total > ZIP_LIMIT:
                yield Handed(name, None, "a zip that unpacks to too much")
                return
            yield handed


def _member(archive, member, name: str) -> Handed:
    limit = ZIP_LIMIT if name.lower().endswith(".zip") else FILE_LIMIT
    try:
        with archive.open(member) as file:
            content = file.read(limit + 1)
    except Exception as error:  # a damaged or encrypted member, in many ways
        return Handed(name, None, f"cannot be unpacked ({type(error).__name__})")
    if len(content) > limit:
        return Handed(name, None, "too large when unpacked")
    return Handed(name, content)


def _printable(name: str) -> str:
    name = unicodedata.normalize("NFC", name.replace("\\", "/"))
    name = name.encode("utf8", "replace").decode("utf8")
    return "".join(c if c.isprintable() else "�" for c in name)[:300]


def choose(files: list[Handed], wanted: list[str]) -> tuple[list[dict], str, list[str]]:
    """Choose the file to grade: its cells, its name and notes on the choice.

    Of several, the one that defines most of the wanted functions; then the last
    attempt, then notebooks before scripts. Raises Unreadable with the reason.
    """
    readable, reasons = [], []
    for file in files:
        try:
            cells = read_cells(file)
        except Unreadable as error:
            reasons.append(f"{file.name}: {error}")
            continue
        code = "\n".join(c["source"] for c in cells if c["kind"] == "code")
        defined = re.findall(r"^(?:def|class)\s+(\w+)", code, re.M)
        count = len(set(wanted) & set(defined))
        attempt = ATTEMPT.search(file.name)
        attempt = int(attempt[1] or attempt[2]) if attempt else 0
        key = count, attempt, file.name.lower().endswith(".ipynb")
        readable.append((key, file.name, cells))
    if not readable:
        raise Unreadable("; ".join(reasons[:3]) or "no file was handed in")
    best = max(key for key, *_ in readable)
    _, name, cells = min(r for r in readable if r[0] == best)
    notes = reasons[:3]
    if len(readable) > 1:
        others = sorted(n for _, n, _ in readable if n != name)
        notes.append(f"took {name} of {len(readable)} files, not {', '.join(others)}")
    return cells, name, notes


def read_cells(file: Handed) -> list[dict]:
    """The cells of a notebook or script. Raises Unreadable."""
    if file.content is None:
        raise Unreadable(file.why)
    if not file.content.strip():
        raise Unreadable("the file is empty")
    try:
        text = file.content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("not a text in UTF-8") from None
    if file.name.lower().endswith(".py"):
        return [{"kind": "code", "source": text}]
    if not file.name.lower().endswith(".ipynb"):
        raise Unreadable("neither a notebook nor a script (.ipynb, .py)")
    start = text.lstrip()[:200].lower()
    if start.startswith(("<!doctype", "<html", "<?xml")):
        raise Unreadable("a web page, not a notebook: download the .ipynb itself")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable("not a notebook: the file is damaged or cut off") from None
    return _cells_of(data)


def _cells_of(data) -> list[dict]:
    raw = data.get("cells") if isinstance(data, dict) else None
    if raw is None and isinstance(data, dict):  # notebooks of version 3
        sheets = data.get("worksheets")
        sheets = sheets if isinstance(sheets, list) else []
        raw = [c for s in sheets if isinstance(s, dict) for c in s.get("cells", [])]
    if not isinstance(raw, list):
        raise Unreadable("a JSON file, but not a notebook")
    cells = []
    for cell in raw:
        if isinstance(cell, dict):
            source = cell.get("source", cell.get("input", ""))
            if isinstance(source, list):
                source = "".join(str(line) for line in source)
            kind = "code" if cell.get("cell_type") == "code" else "text"
            cells.append({"kind": kind, "source": str(source)})
    if not any(c["kind"] == "code" and c["source"].strip() for c in cells):
        raise Unreadable("a notebook without code")
    return cells
