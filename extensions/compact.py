"""Make the served copies of scripts and styles smaller: no comments, no idle blanks.

Names stay, and so do line breaks that may end a statement: an error in the page still
points at code that can be read. Strings, templates and regular expressions are copied.
"""

import re

_STRING = re.compile(r"""\"(?:[^"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'""")
_REGEX = re.compile(r"/(?![/*])(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/\w*")
_BLANK = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_BEFORE_REGEX = re.compile(r"(?:^|[(,=:\[!&|?{};>+\n]|\b(?:return|typeof|case))\s*$")


def template(source: str, at: int) -> int:
    """Where the template literal that opens at ``at`` ends."""
    i, depth = at + 1, 0
    while i < len(source):
        if source[i] == "\\":
            i += 2
        elif not depth and source[i] == "`":
            return i + 1
        elif not depth and source.startswith("${", i):
            i, depth = i + 2, 1
        elif depth and source[i] == "`":
            i = template(source, i)
        elif depth and (string := _STRING.match(source, i)):
            i = string.end()
        else:
            depth += (source[i] == "{") - (source[i] == "}") if depth else 0
            i += 1
    raise ValueError("a template literal does not end")


def script(source: str) -> str:
    """JavaScript without comments and without blanks that mean nothing."""
    made, i = "", 0
    while i < len(source):
        char = source[i]
        if blank := _BLANK.match(source, i):
            i = blank.end()
            made += _gap(made[-1:], source[i : i + 1], "\n" in blank.group())
            continue
        end = i + 1
        if found := _STRING.match(source, i):
            end = found.end()
        elif char == "`":
            end = template(source, i)
        elif char == "/" and _BEFORE_REGEX.search(made[-12:]):
            end = found.end() if (found := _REGEX.match(source, i)) else end
        made += source[i:end]
        i = end
    return made


def _gap(before: str, after: str, line: bool) -> str:
    """What must stay of the blanks between two characters."""
    if not before or not after or before in "{;,([=?:&|<>" or after in ")];,?:=&|<>":
        # "}" may end a statement, and a line may begin with "."; both keep their break
        return ""
    if line:
        return "\n"
    wordy = all(c.isalnum() or c in "_$\\" for c in (before, after))
    return " " if wordy or before == after or {before, after} <= set("+-/") else ""


def style(source: str) -> str:
    """CSS without comments, and without blanks around braces, semicolons, commas."""
    source = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
    source = re.sub(r"\s+", " ", source)
    return re.sub(r"\s*([{};,])\s*", r"\1", source).strip() + "\n"
