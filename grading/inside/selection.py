"""What of a submission is executed: imports, definitions and constants.

    import torch                         yes
    IGNORE = -100                        yes: a constant
    softmax = torch.nn.functional.softmax   yes
    def loss(...): ...                   yes
    run = fit(model, Causal(), world)    no: an experiment
    for step in range(1000): ...         no
    assert loss(...) == 0                no: a check

An assignment counts as a constant if its right-hand side calls nothing but builtins
that build values and functions of general libraries, such as `torch.tensor` and
`math.log`.
"""

import ast
import re

LIBRARIES = {"torch", "math", "numpy", "functools", "itertools", "collections", "re"}
LIBRARIES |= {"dataclasses", "typing", "operator", "fractions", "string", "enum"}
BUILDERS = {"len", "range", "tuple", "list", "dict", "set", "frozenset", "int", "str"}
BUILDERS |= {"float", "bool", "sum", "min", "max", "abs", "round", "sorted", "zip"}
BUILDERS |= {"ord", "chr", "enumerate", "object", "slice", "reversed", "pow"}
MAGIC = re.compile(r"^(\s*)(?:[%!?].*|(?:[\w, ]+=\s*)[%!].*|[\w.]+\?{1,2}\s*)$")


class Library:
    """Collects which names of a submission stand for general libraries."""

    def __init__(self):
        self.names = set()

    def learn(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in LIBRARIES:
                    self.names.add(alias.asname or alias.name.split(".")[0])
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            if node.module.split(".")[0] in LIBRARIES:
                self.names |= {alias.asname or alias.name for alias in node.names}

    def builds(self, function: ast.expr) -> bool:
        """True if calling this builds a value and runs nothing of the student's."""
        if isinstance(function, ast.Name) and function.id in BUILDERS:
            return True
        while isinstance(function, ast.Attribute):
            function = function.value
        return isinstance(function, ast.Name) and function.id in self.names

    def is_constant(self, value: ast.expr | None) -> bool:
        if value is None or isinstance(value, ast.Lambda):
            return True
        forbidden = ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr
        for node in ast.walk(value):
            if isinstance(node, forbidden):
                return False
            if isinstance(node, ast.Call) and not self.builds(node.func):
                return False
        return True


def without_magics(source: str) -> str:
    """Return the code of a cell with IPython's magics and shell lines left out."""
    if source.lstrip().startswith("%%"):
        return ""
    lines = source.split("\n")
    return "\n".join(MAGIC.sub(r"\1pass", line) for line in lines)


def parse(source: str) -> list[ast.stmt]:
    """The statements of a cell. Raises SyntaxError and what else hostile code gives."""
    try:
        return ast.parse(source).body
    except SyntaxError:
        return ast.parse(without_magics(source)).body


def is_stub(node: ast.stmt) -> bool:
    """True for a definition that was left unwritten."""
    if not isinstance(node, ast.FunctionDef):
        return False
    body = [n for n in node.body if not _is_text(n)]
    raised = body[0].exc if len(body) == 1 and isinstance(body[0], ast.Raise) else None
    raised = raised.func if isinstance(raised, ast.Call) else raised
    unwritten = isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
    return unwritten or all(isinstance(n, ast.Pass) for n in body)


def _is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def selected(statements: list[ast.stmt], library: Library) -> list[ast.stmt]:
    """The statements that are executed, in their order."""
    kept = []
    for node in statements:
        library.learn(node)
        if isinstance(node, ast.Import | ast.ImportFrom | ast.ClassDef):
            kept.append(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            kept.append(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            named = all(isinstance(t, ast.Name | ast.Tuple) for t in targets)
            if named and library.is_constant(node.value):
                kept.append(node)
        elif isinstance(node, ast.Try):
            body = [*node.body, *(n for h in node.handlers for n in h.body)]
            rest = [*body, *node.orelse, *node.finalbody]
            if len(selected(rest, library)) == sum(not _is_pass(n) for n in rest):
                kept.append(node)
    return kept


def _is_pass(node):
    return isinstance(node, ast.Pass)
