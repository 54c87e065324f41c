"""Hostile and unlucky files that are no text of their own: links, zips, wrecks."""

import io
import json
import os
import zipfile
from pathlib import Path

RIGHT = "def double(x):\n    return 2 * x\n\n\ndef mean(x):\n    return x.mean()\n"


def notebook(*sources: str) -> str:
    cells = [{"cell_type": "code", "source": source} for source in sources]
    return json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5})


def zipped(*members) -> bytes:
    """A zip of (name, content) or (name, content, mode)."""
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, *mode in members:
            about = zipfile.ZipInfo(name)
            about.compress_type = zipfile.ZIP_DEFLATED
            about.external_attr = (mode[0] if mode else 0o100644) << 16
            archive.writestr(about, content)
    return kept.getvalue()


def write(folder: Path, secret: Path) -> dict[str, tuple[float, str, str]]:
    """Write the files; returns by student: score, status and what the row must say."""
    good = notebook(RIGHT)
    files = {
        "empty.ipynb": ("", 0, "unreadable", "empty"),
        "blank.py": ("   \n", 0, "unreadable", "empty"),
        "truncated.ipynb": (good[: len(good) // 2], 0, "unreadable", "damaged"),
        "web_page.ipynb": ("<!DOCTYPE html><p>Sign in", 0, "unreadable", "web page"),
        "numbers.ipynb": ("[1, 2, 3]", 0, "unreadable", "not a notebook"),
        "deep.ipynb": ("[" * 200_000, 0, "unreadable", "damaged"),
        "no_code.ipynb": (notebook(""), 0, "unreadable", "without code"),
        "bytes.py": (b"\xff\xfe\x00\x80", 0, "unreadable", "UTF-8"),
        "huge.ipynb": (b" " * (50 << 20), 0, "unreadable", "too large"),
        "word.docx": ("text", 0, "unreadable", "neither a notebook"),
        "strange.ipynb": (
            json.dumps({"cells": [7, None, {"cell_type": "code", "source": 5}]}),
            0,
            "graded",
            "no function",
        ),
        "good.ipynb": (good, 6, "graded", ""),
        "script.py": (RIGHT, 6, "graded", ""),
        "byte_order_mark.py": (b"\xef\xbb\xbf" + RIGHT.encode(), 6, "graded", ""),
        "magics.ipynb": (
            notebook("%matplotlib inline\n!ls", "%%bash\nls", RIGHT + "%time 1"),
            6,
            "graded",
            "",
        ),
        "old.ipynb": (
            json.dumps({"worksheets": [{"cells": [
                {"cell_type": "code", "input": RIGHT}]}]}),
            6,
            "graded",
            "",
        ),
        "in_a_zip.zip": (
            zipped(("work/lab.ipynb", good), ("__MACOSX/._lab.ipynb", "x")),
            6,
            "graded",
            "",
        ),
        "broken.zip": (b"PK\x03\x04 no zip", 0, "unreadable", "zip"),
        "escaping.zip": (
            zipped(("../../escaped.py", RIGHT), ("/abs.py", RIGHT)),
            0,
            "unreadable",
            "leads out of the zip",
        ),
        "link.zip": (
            zipped(("lab.ipynb", str(secret), 0o120777)),
            0,
            "unreadable",
            "link in a zip",
        ),
        "bomb.zip": (
            zipped(*((f"{i}.ipynb", bytes(21 << 20)) for i in range(3))),
            0,
            "unreadable",
            "too large when unpacked",
        ),
        "=HYPERLINK(1).py": (
            'def double(x):\n    raise ValueError("=cmd|A1, <script>, [x](y)")\n',
            0,
            "graded",
            "ValueError: =cmd",
        ),
    }  # fmt: skip
    expected = {}
    for name, (content, score, status, said) in files.items():
        content = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(content)
        expected[Path(name).stem] = score, status, said
    (folder / "a_link.ipynb").symlink_to(secret)
    expected["a_link"] = 0, "unreadable", "symbolic link"
    (folder / "a_linked_folder").symlink_to(secret.parent)
    expected["a_linked_folder"] = 0, "unreadable", "symbolic link"
    os.mkfifo(folder / "a_pipe.ipynb")
    expected["a_pipe"] = 0, "unreadable", "not a plain file"
    (folder / "an_empty_folder").mkdir()
    expected["an_empty_folder"] = 0, "missing", "nothing was handed in"
    return expected
