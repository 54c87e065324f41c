"""A lab's tests against plain functions in this process: fast, for code of our own.

The grader's own way, with a sandbox in between, is what `test_attacks.py` and the build
of each lab run; here the tests themselves are tried on many right and wrong solutions.
"""

import random
from types import SimpleNamespace

import torch

from grading.checks import HELPERS
from grading.judge import namespace
from grading.student import StudentError


def verdicts(bundle: dict, code: str) -> list[tuple[dict, str]]:
    """Each test with its message, empty if it passed, for a solution in part.

    What `code` does not define comes from the lab's solution.
    """
    sources = [*bundle["given"], *bundle["solution"]]
    names = namespace([*sources, code], "submission")
    given = namespace(bundle["given"], "given")
    right = namespace(sources, "reference")
    reference = SimpleNamespace(**{name: right[name] for name in bundle["wanted"]})
    found = []
    for test in bundle["tests"]:
        known = given | HELPERS | {"seed": bundle["seed"], "reference": reference}
        known |= {name: _as_remote(names[name]) for name in bundle["wanted"]}
        random.seed(0)
        torch.default_generator.manual_seed(0)  # cheap: no stack is written
        try:
            exec(compile(test["source"], "test", "exec"), dict(known))
            found.append((test, ""))
        except Exception as error:
            found.append((test, str(error) or type(error).__name__))
    return found


def _as_remote(function):
    if isinstance(function, type):
        return function

    def call(*args, **kwargs):
        torch.default_generator.manual_seed(0)
        try:
            return function(*args, **kwargs)
        except Exception as error:
            kinds = [kind.__name__ for kind in type(error).__mro__]
            raise StudentError(str(error), kinds) from None

    return call
