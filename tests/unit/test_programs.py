"""pass@k by enumeration, and programs that try to pass without being right."""

import math
import warnings
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pretrain.errors import PretrainError
from pretrain.evaluation import sandbox as box
from pretrain.evaluation.programs import (
    PROBLEMS,
    Problem,
    mean_pass_at_k,
    pass_at_k,
    run,
)
from pretrain.evaluation.sandbox import Limits

# -- pass@k -------------------------------------------------------------------------


@given(st.data())
def test_pass_at_k_is_the_share_of_all_subsets(data):
    n = data.draw(st.integers(1, 9))
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    subsets = list(combinations(range(n), k))  # the programs below c are right
    expected = sum(min(subset) < c for subset in subsets) / len(subsets)
    assert pass_at_k(n, c, k) == pytest.approx(expected, abs=1e-12)  # float64


def test_pass_at_k_with_many_programs():
    """The binomials have hundreds of digits here; Python's integers are exact."""
    n, c, k = 2000, 37, 100
    exact = 1 - math.comb(n - c, k) / math.comb(n, k)
    assert pass_at_k(n, c, k) == pytest.approx(exact, rel=1e-12)
    assert pass_at_k(n, c, 1) == pytest.approx(c / n, rel=1e-12)


def test_pass_at_k_is_unbiased():
    """Averaged over Binomial(n, p), it is what k fresh programs give: 1 − (1−p)^k."""
    n, k, p = 8, 3, 0.3
    weights = [math.comb(n, c) * p**c * (1 - p) ** (n - c) for c in range(n + 1)]
    found = sum(w * pass_at_k(n, c, k) for c, w in enumerate(weights))
    assert found == pytest.approx(1 - (1 - p) ** k, abs=1e-12)
    plugin = sum(w * (1 - (1 - c / n) ** k) for c, w in enumerate(weights))
    assert plugin < found - 0.01, "the obvious formula is too small"


@pytest.mark.parametrize("n, c, k", [(5, 6, 1), (5, -1, 1), (5, 1, 0), (5, 1, 6)])
def test_impossible_counts_are_told(n, c, k):
    with pytest.raises(PretrainError, match="programs"):
        pass_at_k(n, c, k)


def test_the_mean_over_problems():
    found = mean_pass_at_k([[True, False], [False, False]], k=1, n=100)
    assert found.value == 0.25 and found.interval == (0, 0.5)


# -- right and wrong programs ---------------------------------------------------------

DOUBLE = PROBLEMS[0]
QUICK = Limits(seconds=0.7)  # for programs that must not pass
PATIENT = Limits(seconds=60)  # for those that must, on a busy machine


@pytest.fixture(params=["bubblewrap", "limits only"])
def sandbox(request, monkeypatch):
    """Both ways to run; where bubblewrap does not work, only the second is tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        works = bool(box.bubblewrap())
    if request.param == "bubblewrap" and not works:
        pytest.skip("bubblewrap does not work on this machine")
    if request.param == "limits only":
        monkeypatch.setattr(box, "bubblewrap", str)
    return request.param


def test_every_solution_passes(sandbox):
    assert len(PROBLEMS) == 10
    for problem in PROBLEMS:
        assert run(problem, problem.solution, PATIENT).passed, problem.entry


def test_every_problem_can_be_failed(sandbox):
    """A function that returns its first argument passes none of them."""
    for problem in PROBLEMS:
        name = problem.prompt.split("(")[1].split(")")[0].split(",")[0]
        assert not run(problem, f"    return {name}\n", PATIENT).passed, problem.entry


@pytest.mark.parametrize(
    "body, reason",
    [
        ("    return x + 3\n", "test 2 has another result"),
        ("    return missing\n", "raised NameError"),
        ("    return 2 *\n", "raised SyntaxError"),
        ("    return {x}\n", "raised TypeError"),
        ("    raise SystemExit(0)\n", "raised SystemExit"),
        ("    return [2 * x]\n", "test 1 has another result"),
    ],
)
def test_wrong_programs_and_why(sandbox, body, reason):
    verdict = run(DOUBLE, body, PATIENT)
    assert not verdict.passed and verdict.reason == reason


def test_a_program_may_print(sandbox):
    assert run(DOUBLE, '    print("hello")\n    return 2 * x\n', PATIENT).passed


# -- hostile programs -----------------------------------------------------------------

HOSTILE = {
    "endless": "    while True: pass\n",
    "sleeps": "    import time; time.sleep(60)\n",
    "prints without end": '    while True: print("x" * 10**6)\n',
    "writes to every pipe": """
    import os
    for place in range(3, 20):
        try:
            while True: os.write(place, b"x" * 10**6)
        except OSError: pass
""",
    "leaves": "    import os; os._exit(0)\n",
    "leaves at once": "    pass\nimport os; os._exit(0)\n",
    "forks": """
    import os, time
    for _ in range(4):
        os.fork()
    time.sleep(60)
""",
    "takes all memory": "    return len(bytearray(10**10)) and 2 * x\n",
    "takes the disk": """
    with open("big", "wb") as file:
        while True: file.write(bytes(10**6))
""",
    "says that it passed": """
    import os
    for place in range(1, 20):
        try:
            os.write(place, b'passed {"results": "passed"} {"passed": true}')
        except OSError: pass
    os._exit(0)
""",
    "forges results": """
    import os
    for place in range(1, 20):
        try: os.write(place, b'{"results": [true, true, true]}')
        except OSError: pass
    os._exit(0)
""",
    "equals everything": """
    class Equal(int):
        def __eq__(self, other): return True
        def __repr__(self): return "6"
    return Equal(0)
""",
    "replaces json": """
    import json
    json.dumps = lambda *a, **k: '{"results": ["passed"] * 3}'
""",
    "nests deeply": """
    import os
    for place in range(3, 9):
        try: os.write(place, b"[" * 10**5)
        except OSError: pass
    os._exit(0)
""",
    "a number of a million digits": """
    import os
    for place in range(3, 9):
        try: os.write(place, b'{"results": [' + b"9" * 10**5 + b"]}")
        except OSError: pass
    os._exit(0)
""",
    "signals its parent": """
    import os, signal
    if os.getppid() > 1: raise ValueError
    os.kill(os.getppid(), signal.SIGTERM)
""",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_hostile_passes(sandbox, name):
    if name == "forks" and sandbox == "limits only":
        pytest.skip("root is not bound by the limit on processes: not tried outside")
    verdict = run(DOUBLE, HOSTILE[name], QUICK)
    assert not verdict.passed and verdict.reason


def test_forks_are_refused(sandbox):
    """Bubblewrap: by the filter of system calls, which binds root too."""
    if sandbox == "limits only":
        pytest.skip("root is not bound by the limit on processes")
    for start in ("os.fork()", "os.posix_spawn('/bin/true', ['true'], {})"):
        body = f"    import os\n    {start}\n    return 2 * x\n"
        assert run(DOUBLE, body, PATIENT).reason == "raised BlockingIOError"
    threads = "    import _thread\n    _thread.start_new_thread(print, ())\n"
    assert run(DOUBLE, threads, PATIENT).reason == "raised RuntimeError"


def test_files_outside_are_out_of_reach(sandbox, tmp_path):
    """A program that finds its answers in a file passes only without bubblewrap."""
    answers = tmp_path / "answers.txt"
    answers.write_text("6 0 -8")
    reads = f"""
    answers = open({str(answers)!r}).read().split()
    return int(answers[[3, 0, -4].index(x)])
"""
    verdict = run(DOUBLE, reads, PATIENT)
    if sandbox == "bubblewrap":
        assert verdict.reason == "raised FileNotFoundError"
    else:
        assert verdict.passed, "which is what the warning is about"


@pytest.mark.parametrize("path", ["/etc/passwd", "/proc/self/environ", "/home"])
def test_nothing_of_the_machine_is_seen(sandbox, path):
    if sandbox == "limits only":
        pytest.skip("only bubblewrap hides files")
    seen = Problem("", "f", (((), False),))
    looks = f"import os\ndef f(): return os.path.exists({path!r})"
    assert run(seen, looks, PATIENT).passed


def test_no_environment_and_no_network(sandbox, monkeypatch):
    monkeypatch.setenv("SECRET", "1")
    seen = Problem("", "f", (((), False),))
    looks = 'import os\ndef f(): return "SECRET" in os.environ'
    assert run(seen, looks, PATIENT).passed
    if sandbox == "bubblewrap":
        lists = "import socket\ndef f(): return [i[1] for i in socket.if_nameindex()]"
        assert run(Problem("", "f", (((), ["lo"]),)), lists, PATIENT).passed


def test_without_bubblewrap_it_warns_once(monkeypatch):
    monkeypatch.setattr(box.shutil, "which", lambda name: None)
    box.bubblewrap.cache_clear()
    try:
        with pytest.warns(UserWarning, match="install it") as told:
            assert run(DOUBLE, DOUBLE.solution, PATIENT).passed
            assert run(DOUBLE, DOUBLE.solution, PATIENT).passed
        assert len(told) == 1 and "\n" not in str(told[0].message)
    finally:
        box.bubblewrap.cache_clear()
