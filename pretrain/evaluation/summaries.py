r"""A summary scored by overlap, and the baselines that every summarizer has to beat.

    document    First paragraph: what it is.      ← the reference, taken away
                Then the details. More of them.   ← the source, which is summarized
    lead        Then the details.                 ← its first sentence
    random      More of them.                     ← any one of its sentences

The lead is a strong baseline, since writers put first what matters, and a random
sentence shows how much overlap any text of the same topic has. A score says little
without both: overlap counts words, and most words of a good summary are in the source.

    pairs = from_documents(PythonDocs().heldout("validation"))
    f1 = [rouge_l(lead(p.source), p.reference).f1 for p in pairs]
    bootstrap(mean, f1)
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pretrain.corpora.document import Document
from pretrain.errors import PretrainError

# A sentence ends at a mark before a blank and a capital, a digit or a quote.
_ENDS = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"')\]]))\s+(?=[\"'(\[]*[A-Z0-9])")
LEAST_WORDS = 4


@dataclass(frozen=True)
class SummaryPair:
    """A text to summarize, and a summary of it that somebody wrote."""

    source: str
    reference: str


def from_documents(
    documents: Iterable[Document], least_sentences: int = 3
) -> list[SummaryPair]:
    """The first paragraph of a document as the reference for all that follows it.

    So a docstring's first line is used, which says what the rest explains. Documents
    are left out whose first paragraph is no sentence (a heading), has fewer than four
    words, or is longer than what follows, and those whose rest has fewer than
    ``least_sentences`` sentences.
    """
    pairs = []
    for document in documents:
        reference, _, source = document.text.strip().partition("\n\n")
        source = source.strip()
        if not reference.endswith(".") or len(reference.split()) < LEAST_WORDS:
            continue
        if len(reference) < len(source) and len(sentences(source)) >= least_sentences:
            pairs.append(SummaryPair(source, reference))
    return pairs


def sentences(text: str) -> list[str]:
    """The sentences of a text, by punctuation; a paragraph ends one too."""
    parts = [part for block in text.split("\n\n") for part in _ENDS.split(block)]
    return [part.strip() for part in parts if part.strip()]


def lead(text: str, count: int = 1) -> str:
    """The first sentences of a text. Raises PretrainError for an empty text."""
    return " ".join(_some(text)[:count])


def random_sentences(text: str, generator: np.random.Generator, count: int = 1) -> str:
    """Sentences of a text, each as likely as any other, in their order there."""
    every = _some(text)
    chosen = generator.permutation(len(every))[:count]
    return " ".join(every[i] for i in sorted(chosen))


def _some(text: str) -> list[str]:
    every = sentences(text)
    if not every:
        raise PretrainError("a text without a sentence has no summary: give some text")
    return every
