"""The cache key of a page: what its cells can depend on besides their own text.

A page imports some of the project's modules, those import others, and their folders
hold data. The key is a hash of all these files, of the pinned requirements and of the
few settings that change what a cell prints. Imports are found in the syntax tree, so
nothing is run; a cell that cannot be parsed, or that runs a package as a program, is
taken to depend on the whole package. JavaScript and style sheets are no part of it:
they act in the reader's browser, after every cell has run.
"""

import ast
import hashlib
import os
import platform
import re
import sys
from functools import cache
from pathlib import Path

# The environment of the kernels that run the pages.
KERNEL = {
    "OMP_WAIT_POLICY": "PASSIVE",  # idle threads sleep: steps on a busy machine
    "TQDM_DISABLE": "1",  # a progress bar is no part of a page
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # the debugger's advice about modules
    "PYTHONHASHSEED": "0",  # sets print in the same order in every build
}
NOT_READ_BY_CELLS = {".py", ".pyc", ".js", ".mjs", ".css", ".md"}
EVERYTHING = "*"


@cache  # by the text itself: most modules serve most of the pages
def imports(source: str, packages: tuple[str, ...], module: str = "") -> frozenset[str]:
    """Return the dotted names that `source` imports from `packages`.

    `module` is the importing module's own package, for relative imports. A name may be
    a module or something inside one. `EVERYTHING` stands for a cell that tells no more,
    or that runs a package with `-m`. Lines of IPython magic are left out.
    """
    if not module:
        if re.search(rf"-m[\s\"',]+({'|'.join(packages)})\b", source):
            return frozenset({EVERYTHING})
        source = re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", source)
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return frozenset({EVERYTHING})
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".")[: len(module.split(".")) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            found.update(f"{base}.{alias.name}" for alias in node.names)
    return frozenset(name for name in found if name.split(".")[0] in packages)


def module_files(name: str, root: Path) -> list[tuple[str, Path]]:
    """Return (module, file) of every module under `root` that importing `name` runs."""
    files, folder = [], root
    parts = name.split(".")
    for depth, part in enumerate(parts, start=1):
        module = ".".join(parts[:depth])
        folder = folder / part
        if folder.is_dir():
            if (folder / "__init__.py").is_file():
                files.append((module, folder / "__init__.py"))
        elif (file := folder.with_suffix(".py")).is_file():
            files.append((module, file))
            break
        else:
            break
    return files


def data_files(folder: Path) -> list[Path]:
    """Return the data beside a module: what lies in its folder and is not a package."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if path.name != "__pycache__" and not (path / "__init__.py").exists():
                found.extend(data_files(path))
        elif path.suffix not in NOT_READ_BY_CELLS:
            found.append(path)
    return found


def dependencies(
    names: frozenset[str], packages: tuple[str, ...], root: Path
) -> set[Path]:
    """Return every file of `packages` under `root` that importing `names` can read."""
    todo, seen, files = list(names), set(), set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        if name == EVERYTHING:
            for package in packages:
                for path in (root / package).rglob("*.py"):
                    parts = path.relative_to(root).with_suffix("").parts
                    todo.append(".".join(p for p in parts if p != "__init__"))
            continue
        for module, path in module_files(name, root):
            if path in files:
                continue
            files.add(path)
            if path.name == "__init__.py":
                package = module
            else:
                package = module.rpartition(".")[0]
            todo.extend(imports(path.read_text("utf8"), packages, package))
            files.update(data_files(path.parent))
    return files


def device_kind() -> str:
    """Return the kind of device that training will find, without importing torch."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "0") in ("", "-1")
    if Path("/proc/driver/nvidia/version").exists() and not hidden:
        return "cuda"
    apple = sys.platform == "darwin" and platform.machine() == "arm64"
    return "mps" if apple else "cpu"


def page_key(
    names: frozenset[str], packages: tuple[str, ...], root: Path, pins: Path
) -> str:
    """Return the key of a page whose cells import `names`, as hexadecimal digits."""
    digest = hashlib.sha256()

    def add(*texts):
        for text in texts:
            digest.update(len(text).to_bytes(8, "big") + text)

    for path in sorted(dependencies(names, packages, root)):
        add(path.relative_to(root).as_posix().encode(), path.read_bytes())
    if pins.is_file():
        lines = (line.split("#")[0].strip() for line in pins.read_text().splitlines())
        add(*(line.encode() for line in lines if line))
    add(platform.python_version().encode(), device_kind().encode())
    add(os.environ.get("PRETRAIN_BUDGET", "").encode(), repr(KERNEL).encode())
    return digest.hexdigest()
