"""A domain matrix: trained on one kind of text, scored on another.

One vocabulary of bytes and pairs of bytes for all, so that bits per byte compare.
@gururangan2020dont
"""

import ast
import sysconfig
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from random import Random

from pretrain.corpora import SPLITS
from pretrain.corpora.finite import FiniteCorpus, Text, split_by_hash
from pretrain.corpora.python_docs import PythonDocs
from pretrain.evaluation.likelihood import evaluate, prepare
from pretrain.experiments.base import Arm, Experiment, Measures, Size, microworld
from pretrain.experiments.claims import Claim
from pretrain.model import ModelConfig
from pretrain.objectives import Causal
from pretrain.tokens import Tokenizer, byte_bpe
from pretrain.training import Budget, Run

VOCABULARY = 512
DOCUMENTS = 2500  # of a domain, or nearly
SCORED = 50
MODULES = ("argparse", "ast", "calendar", "csv", "dataclasses", "difflib", "doctest",
           "email/message", "enum", "fractions", "gettext", "heapq", "inspect",
           "json/decoder", "locale", "optparse", "pathlib", "pickle", "pprint",
           "random", "shlex", "shutil", "statistics", "string", "tarfile", "textwrap",
           "tokenize", "traceback", "typing", "unittest/case", "zipfile")  # fmt: skip
DOMAINS = ("microworld", "docs", "code")


@lru_cache
def texts(domain: str) -> tuple[Text, ...]:
    """Documents of one domain: stories, documentation, or code without docstrings."""
    if domain == "microworld":
        world = microworld()
        made = islice(world.traces(Random("domains")), DOCUMENTS)
        return tuple(Text(world.describe(t, scored=False).text) for t in made)
    if domain == "docs":
        python = PythonDocs(VOCABULARY)
        share = zip(SPLITS, (DOCUMENTS, 100, 100), strict=True)
        found = [d for name, n in share for d in python.heldout(name)[:n]]
        return tuple(Text(d.text) for d in found)  # split again in the same way
    return tuple(Text(code) for path in MODULES for code in _functions(path))


def _functions(module: str):
    """The functions and methods of a module, without docstrings and comments."""
    root = Path(sysconfig.get_path("stdlib"))
    path = root / f"{module}.py"
    if not path.exists():  # a module that became a package, as pathlib did
        path = root / module / "__init__.py"
    if not path.exists():
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            if ast.get_docstring(node) and len(node.body) > 1:
                node.body = node.body[1:]
            code = ast.unparse(node)
            if 100 <= len(code) <= 1500:
                yield code


@lru_cache
def tokenizer() -> Tokenizer:
    """One vocabulary, learned on equally many characters of each domain."""
    train = {d: [t.text for t in splits(d)["train"]] for d in DOMAINS}
    least = min(sum(map(len, found)) for found in train.values())
    chosen = []
    for found in train.values():
        left = least
        for text in found:
            if left > 0:
                chosen.append(text[:left])
                left -= len(text)
    return byte_bpe(chosen, VOCABULARY)


@lru_cache
def splits(domain: str) -> dict[str, list[Text]]:
    """Train, validation and test; of "all", those of all domains."""
    if domain == "all":
        each = [splits(d) for d in DOMAINS]
        return {name: [t for s in each for t in s[name]] for name in each[0]}
    return split_by_hash(texts(domain))


@lru_cache
def corpus(domain: str) -> FiniteCorpus:
    """One domain under the common vocabulary."""
    return FiniteCorpus(f"domain-{domain}", splits(domain), tokenizer())


def arms(size: Size) -> tuple[Arm, ...]:
    """A specialist for each domain, and one model for all, at equal tokens."""
    if size == "cpu":
        model = ModelConfig(VOCABULARY, width=48, depth=2, heads=2, context=128)
        budget = Budget(tokens=80_000, rows=8, evaluations=2, held_out=40)
    else:
        model = ModelConfig(VOCABULARY, width=256, depth=6, context=128)
        budget = Budget(tokens=20_000_000, rows=64, evaluations=4, held_out=40)
    return tuple(
        Arm(name, model, Causal(), partial(corpus, name), budget)
        for name in (*DOMAINS, "all")
    )


def measure(run: Run, arm: Arm) -> Measures:
    """Bits per byte on held-out documents of each domain."""
    found = {}
    for domain in DOMAINS:
        documents = corpus(domain).heldout("test")[:SCORED]
        held_out = prepare(documents, tokenizer(), arm.objective, 128)
        score = evaluate(run.model, held_out)
        found[domain] = score.bits_per_byte(documents)
    return found


EXPERIMENT = Experiment(
    name="domains",
    question="How much of what is learned on one kind of text holds on another?",
    published=(
        "RoBERTa's masked loss on 50,000 documents of another domain, before and "
        "after training on that domain: biomedical 1.32 to 0.99, computer science "
        "1.63 to 1.34, reviews 2.10 to 1.93, news 1.08 to 1.16 (it had read much news "
        "before). Training on the domain that is scored helps, the more the further "
        "away it is."
    ),
    sources=("gururangan2020dont",),
    setting=(
        "Three domains: Microworld's stories, Python's documentation, and functions "
        "of its standard library without docstrings; one byte-level vocabulary of "
        "512; causal models at equal tokens, scored in bits per byte of held-out text "
        "(as of this Python version). Columns are the domain scored. Documentation "
        "and code share words, so each should lose less on the other than the stories "
        "do."
    ),
    claims=(
        *(
            Claim(
                f"on {domain}, the model trained on {domain} is better than on {other}",
                domain,
                {domain: 1, other: -1},
                "below",
            )
            for domain in DOMAINS
            for other in DOMAINS
            if other != domain
        ),
        *(
            Claim(
                f"on {domain}, its own model is better than the one for all",
                domain,
                {domain: 1, "all": -1},
                "below",
            )
            for domain in DOMAINS
        ),
        Claim(
            "documentation helps code more than stories do",
            "code",
            {"docs": 1, "microworld": -1},
            "below",
        ),
        Claim(
            "code helps documentation more than stories do",
            "docs",
            {"code": 1, "microworld": -1},
            "below",
        ),
    ),
    arms=arms,
    measure=measure,
    primary=DOMAINS,
    seeds={"cpu": 2, "gpu": 3},
)
