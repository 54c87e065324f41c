r"""Is a written answer right? Exact match and F1, and where to find the answer.

    SQuAD   "The Eiffel Tower."  →  eiffel tower              exact match, F1 of words
    GSM8K   "… so 1,200 #### 1,200"  →  1200                  the number after ####
    MATH    "… hence $\boxed{\frac{1}{2}}$."  →  \frac{1}{2}  the last box, closed

Each benchmark has its own rule, and a part of a score is the rule: what counts as the
same is decided by a few lines of text processing. A text without an answer is wrong; it
is never an error of the program, and never left out of the mean.

:func:`best_span` is the other half of extractive question answering: from the two
numbers that a model gives each token, "starts here" and "ends here", to the best span.

Every score is of one answer; the mean and its interval are ``bootstrap(mean, scores)``.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

import numpy as np

from pretrain.errors import PretrainError

_PUNCTUATION = str.maketrans("", "", string.punctuation)


# -- SQuAD ------------------------------------------------------------------------


def normalized(text: str) -> str:
    """Lower case, without ASCII punctuation, without a, an, the, single blanks.

    @rajpurkar2016squad, whose evaluation script does it in this order.
    """
    text = text.lower().translate(_PUNCTUATION)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def exact_match(answer: str, golds: Sequence[str]) -> float:
    """1 if the answer is one of the right ones after :func:`normalized`, else 0."""
    return float(normalized(answer) in map(normalized, _some(golds)))


def f1(answer: str, golds: Sequence[str]) -> float:
    """The best F1 of words in common with one of the right answers.

    No words against no words is 1, as SQuAD 2.0 has it; against any words it is 0.
    """
    return max(_word_f1(answer, gold) for gold in _some(golds))


def _word_f1(answer: str, gold: str) -> float:
    own, theirs = normalized(answer).split(), normalized(gold).split()
    if not own or not theirs:
        return float(own == theirs)
    common = (Counter(own) & Counter(theirs)).total()
    return 2 * common / (len(own) + len(theirs))


def _some(golds: Sequence[str]) -> Sequence[str]:
    if isinstance(golds, str) or not len(golds):
        raise PretrainError("the right answers are a list of one text or more")
    return golds


def best_span(
    start: np.ndarray,
    end: np.ndarray,
    longest: int,
    allowed: np.ndarray | None = None,
) -> tuple[int, int]:
    """The span (first, after the last) with the largest start[i] + end[j].

    start, end (T,): logits that the answer starts, ends (inclusive) at each token.
    ``longest`` bounds the number of its tokens; ``allowed`` (T,) bool says where it may
    start and end (in the text, not in the question). Of equal spans the first wins.

    Logits are added, so this is the most probable span if start and end were drawn
    independently; the two best alone could cross (@devlin2019bert, §4.2). T·longest
    additions. Raises PretrainError where no span is allowed.
    """
    start, end = np.asarray(start, dtype=float), np.asarray(end, dtype=float)
    if allowed is not None:
        start = np.where(allowed, start, -np.inf)
        end = np.where(allowed, end, -np.inf)
    if start.ndim != 1 or start.shape != end.shape or longest < 1 or not start.size:
        raise PretrainError(
            f"logits of shapes {start.shape} and {end.shape} for spans of up to "
            f"{longest} tokens: give two of the same length, and 1 or more"
        )
    if np.isnan(start).any() or np.isnan(end).any():
        raise PretrainError("a logit is not a number, so there is no best span")
    T, width = len(start), min(longest, len(start))
    later = np.concatenate([end, np.full(width, -np.inf)])
    # Row i holds end[i], end[i+1], …: the ends of spans that start at i.
    ends = np.lib.stride_tricks.sliding_window_view(later, width)[:T]  # (T,width)
    score = start[:, None] + ends
    first, more = np.unravel_index(score.argmax(), score.shape)
    if score[first, more] == -np.inf:
        raise PretrainError("no span is allowed: allow a token at least")
    return int(first), int(first + more + 1)


# -- GSM8K ------------------------------------------------------------------------

_AFTER_HASHES = re.compile(r"#### (-?[0-9.,]+)")
_LAST_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


def gsm8k_answer(text: str) -> str | None:
    """What stands after the first ``####``, without commas; None if nothing does.

    @cobbe2021training's own rule, which compares what it finds as text.
    """
    found = _AFTER_HASHES.search(text)
    return found.group(1).strip().replace(",", "") if found else None


def last_number(text: str) -> str | None:
    """The last number of a text, without commas: the lenient rule.

    For models that were not trained to write ``####``. It also takes a number that was
    no answer, so a score says which rule it used.
    """
    found = _LAST_NUMBER.findall(text)
    return found[-1].replace(",", "") if found else None


def gsm8k_correct(text: str, solution: str, lenient: bool = False) -> bool:
    """Is the number that ``text`` ends on that of the ``solution``?

    Numbers are compared as numbers: 18 and 18.00 are the same, and so is "18.", where a
    comparison as text would tell them apart. Raises PretrainError when the solution
    itself has no number.
    """
    gold = _number(gsm8k_answer(solution))
    if gold is None:
        raise PretrainError("the solution has no number after ####: check the data")
    answer = _number(gsm8k_answer(text))
    if answer is None and lenient:
        answer = _number(last_number(text))
    return answer == gold


def _number(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        return Decimal(text.rstrip("."))
    except InvalidOperation:  # "1.2.3", "-", ","
        return None


# -- MATH -------------------------------------------------------------------------

_BOXED = re.compile(r"\\f?boxed\s*\{")
_UNITS = re.compile(r"(\d)\s*\\text\{[^{}]*\}$")
_BARE_FRACTION = re.compile(r"\\frac\s*(\d)\s*(\d)")
_SLASH = re.compile(r"(-?\d+)/(\d+)")
_SIZED = re.compile(r"\\(left|right)(?![A-Za-z])")  # not \leftarrow
_DROPPED = ("\\!", "\\$", "$", "\\%", "%", "^{\\circ}", "^\\circ")


def boxed(text: str) -> str | None:
    r"""The content of the last ``\boxed{…}`` that is closed, braces nested or not.

    None if there is none. An escaped brace, ``\{``, opens and closes nothing.
    @hendrycks2021math
    """
    for opening in reversed(list(_BOXED.finditer(text))):
        depth, i = 1, opening.end()
        while i < len(text):
            if text[i] == "\\":
                i += 1  # whatever follows is no brace of ours
            elif text[i] in "{}":
                depth += 1 if text[i] == "{" else -1
                if not depth:
                    return text[opening.end() : i]
            i += 1
    return None


def math_normalized(answer: str) -> str:
    r"""One way to write what can be written in several: a light normalization.

    Blanks, ``\left`` and ``\right``, dollars, percent and degree signs and units in
    ``\text`` behind a number go; dfrac and tfrac become frac, ``\frac12`` and 1/2
    become ``\frac{1}{2}``; .5 becomes 0.5, 1{,}000 becomes 1000; a final period goes.
    Formulas are not understood: x+1 and 1+x stay different, 0.5 and one half too.
    """
    text = _SIZED.sub("", answer.strip().rstrip("."))
    for mark in _DROPPED:
        text = text.replace(mark, "")
    text = re.sub(r"\\([dt])frac", r"\\frac", text)
    text = _UNITS.sub(r"\1", text.strip())
    text = re.sub(r"\\text\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"\s+|\\[ ,;:]|~", "", text)
    text = _BARE_FRACTION.sub(r"\\frac{\1}{\2}", text)
    if slash := _SLASH.fullmatch(text):
        text = rf"\frac{{{slash[1]}}}{{{slash[2]}}}"
    if re.fullmatch(r"-?\d{1,3}((,|\{,\})\d{3})+(\.\d+)?", text):
        text = text.replace("{,}", "").replace(",", "")
    return re.sub(r"(^|[^\d])\.(\d)", r"\g<1>0.\2", text)


def math_correct(text: str, solution: str) -> bool:
    """Do the last boxes of a text and of the solution hold the same?

    Raises PretrainError when the solution itself has no box.
    """
    gold, answer = boxed(solution), boxed(text)
    if gold is None:
        raise PretrainError("the solution has no closed \\boxed{…}: check the data")
    return answer is not None and math_normalized(answer) == math_normalized(gold)
