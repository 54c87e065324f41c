"""How varied is the language? Its sentences, with what fills their slots left out.

A skeleton is the literal text of one sentence: every run of words that a slot says
(a name, a color, "his", a sum) is "_", and what stands in the templates themselves
is kept: `_ lost _ _ on _ , so _ waited on the stairs .`
"""

from collections import Counter
from itertools import islice
from random import Random

from .corpus import Language
from .sampling import Trace
from .text import sentences


def skeletons(language: Language, n: int, seed: int = 0) -> Counter[str]:
    """skeleton → how often it is in n documents."""
    counts: Counter[str] = Counter()
    for made in islice(language.traces(Random(f"skeletons {seed}")), n):
        counts.update(document_skeletons(language, made))
    return counts


def document_skeletons(language: Language, made: Trace) -> list[str]:
    """The skeleton of each sentence of one document."""
    said = [language.grammar.word(i) for i in made.tokens]
    found = []
    for start, end in sentences(said):
        parts: list[str] = []
        for i in range(start, end):
            if not made.slots[i]:
                parts.append(said[i])
            elif i == start or made.slots[i] != made.slots[i - 1]:
                parts.append("_")
        found.append(" ".join(parts))
    return found
