r"""Programs that a model wrote: run them shut in, count what passes, pass@k.

    problem ─ arguments ─▶ ┌ sandbox ────────────────┐
                           │ program, entry(*args)   │ ─ results, as JSON ─▶ compare
                           └─────────────────────────┘        with what is expected

The program gets the arguments and never the expected results: they are compared here,
in a process that it cannot reach. So nothing it prints, and no object that claims to
equal everything, can pass for a right result. (HumanEval runs its assertions beside the
program, which can then forge them.) Results have to be JSON: tuples compare as lists.

How a run is shut in, and what it may use, is in `sandbox`.

    verdict = run(problem, text)                              # Verdict(passed, reason)
    pass_at_k(n=20, c=3, k=5)                                 # unbiased
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pretrain.errors import PretrainError
from pretrain.evaluation.bootstrap import Interval, bootstrap, mean
from pretrain.evaluation.sandbox import Limits, execute


@dataclass(frozen=True)
class Problem:
    """A function to write, and what it has to return.

    ``prompt`` is the start of the program, signature and docstring; ``entry`` names the
    function; ``tests`` are (arguments, expected result); ``solution`` completes the
    prompt.
    """

    prompt: str
    entry: str
    tests: tuple[tuple[tuple, object], ...]
    solution: str = ""


@dataclass(frozen=True)
class Verdict:
    """Whether a program passed all tests, and if not, why."""

    passed: bool
    reason: str = ""


# -- pass@k -----------------------------------------------------------------------


def pass_at_k(n: int, c: int, k: int) -> float:
    """The chance that one of k programs passes, when c of n did: 1 − C(n−c,k)/C(n,k).

    Unbiased for programs drawn independently, where 1 − (1 − c/n)^k is too small: the k
    are drawn from the n without putting back. Written as a product, since the binomials
    overflow. Raises PretrainError unless 0 ≤ c ≤ n and 1 ≤ k ≤ n. @chen2021evaluating
    """
    if not 0 <= c <= n or not 1 <= k <= n:
        raise PretrainError(
            f"pass@{k} of {c} right among {n}: give 0 ≤ c ≤ n and 1 ≤ k ≤ n programs"
        )
    if n - c < k:
        return 1.0
    return float(1 - np.prod(1 - k / np.arange(n - c + 1, n + 1)))


def mean_pass_at_k(
    passed: Sequence[Sequence[bool]], k: int, n: int = 2000, seed: int = 0
) -> Interval:
    """pass@k averaged over problems, with an interval over problems.

    ``passed[i]`` says of each program for problem i whether it passed. The interval
    speaks of other problems of the kind; with ten of them it is wide.
    """
    each = [pass_at_k(len(runs), int(sum(runs)), k) for runs in passed]
    return bootstrap(mean, each, n=n, seed=seed)


# -- running them -----------------------------------------------------------------


def run(problem: Problem, completion: str, limits: Limits | None = None) -> Verdict:
    """Run prompt + completion on the problem's arguments, and judge the results.

    Whatever the program does is a verdict and never an exception of ours.
    """
    limits = limits or Limits()
    calls = [arguments for arguments, _ in problem.tests]
    text = execute(problem.prompt + completion, problem.entry, calls, limits)
    if text is None:
        return Verdict(False, f"ran past {limits.seconds} seconds")
    return _judge(text, [expected for _, expected in problem.tests])


def _judge(text: str, expected: list) -> Verdict:
    """Compare what came out with what is expected. The text may be anything."""
    try:
        found = json.loads(text)
        if "error" in found:
            return Verdict(False, f"raised {found['error']}"[:80])
        results = found["results"]
        if not isinstance(results, list) or len(results) != len(expected):
            raise TypeError
    except (ValueError, TypeError, KeyError, RecursionError):
        return Verdict(False, "ended without results")
    wanted = json.loads(json.dumps(expected))
    for i, (result, right) in enumerate(zip(results, wanted, strict=True)):
        if result != right:
            return Verdict(False, f"test {i + 1} has another result")
    return Verdict(True)


# -- problems ---------------------------------------------------------------------


def _problem(signature: str, says: str, solution: str, *tests: tuple) -> Problem:
    name = signature.split("(")[0]
    prompt = f'def {signature}:\n    """{says}"""\n'
    body = "".join(f"    {line}\n" for line in solution.splitlines())
    return Problem(prompt, name, tests, body)


PROBLEMS = (
    _problem(
        "double(x)",
        "Twice the number x.",
        "return 2 * x",
        ((3,), 6),
        ((0,), 0),
        ((-4,), -8),
    ),
    _problem(
        "is_even(n)",
        "Whether the whole number n is even.",
        "return n % 2 == 0",
        ((4,), True),
        ((7,), False),
        ((0,), True),
        ((-3,), False),
    ),
    _problem(
        "largest(numbers)",
        "The largest of the numbers; None if there are none.",
        "return max(numbers, default=None)",
        (([3, 9, 2],), 9),
        (([-5, -2],), -2),
        (([],), None),
    ),
    _problem(
        "backwards(text)",
        "The text from its end to its start.",
        "return text[::-1]",
        (("cat",), "tac"),
        (("",), ""),
        (("a b",), "b a"),
    ),
    _problem(
        "vowels(text)",
        "How many of a, e, i, o, u are in the text, capitals too.",
        'return sum(c in "aeiou" for c in text.lower())',
        (("banana",), 3),
        (("AEIou",), 5),
        (("rhythm",), 0),
    ),
    _problem(
        "factorial(n)",
        "The product of the whole numbers from 1 to n; 1 for n = 0.",
        "return 1 if n == 0 else n * factorial(n - 1)",
        ((0,), 1),
        ((5,), 120),
        ((20,), 2432902008176640000),
    ),
    _problem(
        "palindrome(text)",
        "Whether the letters read the same backwards; case and marks do not count.",
        "kept = [c for c in text.lower() if c.isalpha()]\nreturn kept == kept[::-1]",
        (("Never odd or even",), True),
        (("cat",), False),
        (("",), True),
    ),
    _problem(
        "count_words(text)",
        "How often each word occurs, as a dictionary.",
        "counts = {}\nfor word in text.split():\n"
        "    counts[word] = counts.get(word, 0) + 1\nreturn counts",
        (("a b a",), {"a": 2, "b": 1}),
        (("",), {}),
    ),
    _problem(
        "primes(n)",
        "The prime numbers below n, in order.",
        "return [p for p in range(2, n) if all(p % d for d in range(2, p))]",
        ((2,), []),
        ((12,), [2, 3, 5, 7, 11]),
    ),
    _problem(
        "merge(a, b)",
        "One sorted list of all the numbers in the sorted lists a and b.",
        "return sorted(a + b)",
        (([1, 4], [2, 3]), [1, 2, 3, 4]),
        (([], [5]), [5]),
        (([1, 1], [1]), [1, 1, 1]),
    ),
)
