r"""Overlap with a reference: BLEU and ROUGE, counted from n-grams.

    reference    the cat sat on the mat          2-grams in common
    candidate    the cat lay on the mat          the cat · on the · the mat

    BLEU asks how much of the candidate is in the reference (precision), and takes away
    from candidates that are too short. ROUGE asks also how much of the reference is in
    the candidate (recall). Neither asks whether the two mean the same.

BLEU is a number of a *corpus*: counts are summed over its sentences, and only then
divided. So each sentence gives its counts, a row of :func:`bleu_counts`, and
:func:`bleu` turns their sum into the number; a bootstrap resamples the rows.

    counts = bleu_counts(candidates, references)                # (n, 10)
    bootstrap(bleu, counts)                                     # BLEU-4, its interval
    paired(bleu, counts_a, counts_b)                            # is A better than B?

The counts, the tokenizers and the smoothing are those of sacrebleu (@post2018call) and
rouge-score; scores are between 0 and 1 here, where sacrebleu writes 0 to 100. Not here:
stemming, ROUGE's "Lsum", other orders than four, references that lack a sentence.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pretrain.errors import EmptyLossError, PretrainError
from pretrain.evaluation.bootstrap import Interval, bootstrap, difference

ORDER = 4
# Marks stand alone; a period or a comma does not inside a number, a dash after a digit
# does. From mteval-v13a, the script of the WMT evaluations.
_13A = (
    (re.compile(r"([{-~\[-` -&(-+:-@/])"), r" \1 "),
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)
_ESCAPES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))


# -- BLEU -------------------------------------------------------------------------


def tokenize_13a(text: str) -> list[str]:
    """Words and marks, as sacrebleu cuts them by default."""
    text = text.rstrip()
    for old, new in (("<skipped>", ""), ("-\n", ""), ("\n", " "), *_ESCAPES):
        text = text.replace(old, new)
    text = f" {text} "
    for pattern, replacement in _13A:
        text = pattern.sub(replacement, text)
    return text.split()


def ngrams(tokens: Sequence[str], n: int) -> Counter:
    """How often each run of n tokens occurs."""
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def bleu_counts(
    candidates: Sequence[str],
    references: Sequence[str | Sequence[str]],
    tokenize: Callable[[str], list[str]] = tokenize_13a,
) -> np.ndarray:
    """What BLEU sums over a corpus, a row for each sentence: (n, 10) int64.

    Columns: the candidate's length; the length of the reference that is closest to it
    (of two, the shorter); for orders 1 to 4 the n-grams that are also in a reference,
    each at most as often as there; for orders 1 to 4 all n-grams of the candidate.

    ``references[i]`` is one text or several. Raises PretrainError where candidates and
    references do not pair up. @papineni2002bleu
    """
    if isinstance(candidates, str) or len(candidates) != len(references):
        raise PretrainError(
            f"{len(candidates)} candidates for {len(references)} references: give two "
            "lists of the same length"
        )
    rows = np.zeros((len(candidates), 2 + 2 * ORDER), dtype=np.int64)
    for row, candidate, given in zip(rows, candidates, references, strict=True):
        tokens = tokenize(candidate)
        several = [tokenize(text) for text in _several(given)]
        closest = min((abs(len(r) - len(tokens)), len(r)) for r in several)[1]
        row[:2] = len(tokens), closest
        for n in range(1, ORDER + 1):
            own, allowed = ngrams(tokens, n), Counter()
            for reference in several:
                allowed |= ngrams(reference, n)  # the larger count of each
            row[1 + n] = (own & allowed).total()  # the smaller count of each
            row[1 + ORDER + n] = own.total()
    return rows


def bleu(counts: np.ndarray, smoothing: Literal["exp", "none"] = "exp") -> float:
    """Corpus BLEU-4, 0 to 1, from the rows of :func:`bleu_counts`.

    The geometric mean of the four precisions, times exp(1 − r/c) when the candidates'
    length c is below the references' r. With ``"exp"`` a precision of zero counts as
    1/2, 1/4, … of one match (the first, second, … such order); with ``"none"`` it makes
    the score 0. Without a single match the score is 0 either way.
    """
    if smoothing not in ("exp", "none"):
        raise PretrainError(f"smoothing is 'exp' or 'none', not {smoothing!r}")
    if np.ndim(counts) != 2 or np.shape(counts)[1] != 2 + 2 * ORDER:
        raise PretrainError(
            f"counts of the shape {np.shape(counts)}: give what bleu_counts returns"
        )
    size, reference, *rest = np.sum(counts, axis=0).tolist()
    matches, totals = rest[:ORDER], rest[ORDER:]
    if not any(matches) or not all(totals):
        return 0.0
    logs, part = [], 1.0
    for match, total in zip(matches, totals, strict=True):
        if not match:
            if smoothing == "none":
                return 0.0
            part /= 2
        logs.append(math.log((match or part) / total))
    return math.exp(min(0.0, 1 - reference / size) + sum(logs) / ORDER)


def _several(given: str | Sequence[str]) -> Sequence[str]:
    several = [given] if isinstance(given, str) else given
    if not len(several):
        raise PretrainError("a sentence has no reference: give one or more for each")
    return several


# -- ROUGE ------------------------------------------------------------------------


@dataclass(frozen=True)
class Rouge:
    """Shares between 0 and 1: of the candidate, of the reference, and both."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall, 0 where both are."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def tokenize_rouge(text: str) -> list[str]:
    """Runs of a–z and 0–9 in lower case: all else is lost, accents among it."""
    return re.findall(r"[a-z0-9]+", text.lower())


def rouge_n(candidate: str, reference: str, n: int = 1) -> Rouge:
    """ROUGE-n: n-grams in common, each as often as both have it. @lin2004rouge"""
    if n < 1:
        raise PretrainError(f"n-grams of {n} words: give 1 or more")
    own = ngrams(tokenize_rouge(candidate), n)
    theirs = ngrams(tokenize_rouge(reference), n)
    common = (own & theirs).total()
    return Rouge(common / max(own.total(), 1), common / max(theirs.total(), 1))


def rouge_l(candidate: str, reference: str) -> Rouge:
    """ROUGE-L: the longest common subsequence of words, in order. @lin2004rouge"""
    own, theirs = tokenize_rouge(candidate), tokenize_rouge(reference)
    common = longest_common(own, theirs)
    return Rouge(common / max(len(own), 1), common / max(len(theirs), 1))


def longest_common(a: Sequence, b: Sequence) -> int:
    """The length of the longest subsequence that both have, in len(a)·len(b) steps.

    ``best[j]`` is the answer for the part of ``a`` read so far and the first j of b.
    """
    best = [0] * (len(b) + 1)
    for x in a:
        before = best
        best = [0]
        for j, y in enumerate(b):
            best.append(before[j] + 1 if x == y else max(before[j + 1], best[j]))
    return best[-1]


# -- two systems --------------------------------------------------------------------


@dataclass(frozen=True)
class Paired:
    """System A against system B on the same sentences.

    difference: the score of A minus that of B, with its interval.
    share_better: the share of resamples in which A scores higher than B, ties half.
    """

    difference: Interval
    share_better: float


def paired(
    score: Callable[[np.ndarray], float],
    a: np.ndarray,
    b: np.ndarray,
    n: int = 2000,
    seed: int = 0,
) -> Paired:
    """Paired bootstrap: resample the sentences, score both systems on each resample.

    ``a`` and ``b`` hold a row for each sentence, such as :func:`bleu_counts` or a
    column of ROUGE scores; ``score`` makes one number of them. Sentences that are hard
    for both cancel, so that a smaller difference can be told from chance than two
    separate intervals could tell. @koehn2004statistical
    """
    signs = []

    def of(x: np.ndarray, y: np.ndarray) -> float:
        found = difference(score)(x, y)
        signs.append((found > 0) + 0.5 * (found == 0))
        return found

    if len(a) < 2:
        raise EmptyLossError("a paired bootstrap needs two sentences or more")
    interval = bootstrap(of, a, b, n=n, seed=seed)
    return Paired(interval, float(np.mean(signs[1:])))  # the first is no resample
