"""Summaries by overlap: where sentences end, and that the lead beats a random one."""

import numpy as np
import pytest

from pretrain.corpora.document import Document
from pretrain.errors import PretrainError
from pretrain.evaluation.overlap import paired, rouge_n
from pretrain.evaluation.summaries import (
    SummaryPair,
    from_documents,
    lead,
    random_sentences,
    sentences,
)

TEXT = "It has 3.5 parts, e.g. one. (A second!) Is it? Yes\n\nAnd a list"


def test_where_sentences_end():
    first = "It has 3.5 parts, e.g. one."
    assert sentences(TEXT) == [first, "(A second!)", "Is it?", "Yes", "And a list"]
    assert lead(TEXT, 2) == "It has 3.5 parts, e.g. one. (A second!)"
    with pytest.raises(PretrainError, match="no summary"):
        lead(" \n\n ")


def test_random_sentences_are_all_as_likely_and_keep_their_order():
    generator = np.random.default_rng(0)
    text = "A. B. C. D."
    drawn = [random_sentences(text, generator) for _ in range(2000)]
    for sentence in sentences(text):
        # Five standard errors of 2000 draws with probability 1/4.
        assert drawn.count(sentence) / 2000 == pytest.approx(1 / 4, abs=0.049)
    for _ in range(20):
        two = random_sentences(text, generator, 2)
        assert text.index(two[0]) < text.index(two[3])


def document(text: str) -> Document:
    return Document((), text)


def test_the_first_paragraph_is_the_reference():
    good = "Read the whole file.\n\nIt is opened. It is read. It is closed."
    short = "Read it.\n\nIt is opened. It is read. It is closed."
    long = "Read " + "all of it " * 20 + ".\n\nIt is opened. It is read. It is closed."
    brief = "Read the whole file.\n\nIt is opened and read and closed at last."
    title = "How to read files\n\nIt is opened. It is read. It is closed."
    alone = "Read the whole file."
    texts = [good, short, long, brief, title, alone]
    found = from_documents(map(document, texts))
    source = "It is opened. It is read. It is closed."
    assert found == [SummaryPair(source, "Read the whole file.")]


def test_scores_are_paired():
    """Where every document leads with what it is about, the lead is seen to win."""
    generator = np.random.default_rng(0)
    words = [f"w{i}" for i in range(30)]
    pairs = []
    for _ in range(40):
        about = list(generator.choice(words, 6))
        said = [" ".join([*about[:4], "x"])]
        said += [" ".join(generator.choice(words, 5)) for _ in range(3)]
        pairs.append(SummaryPair("\n\n".join(said), " ".join(about)))
    a, b = (
        np.array([rouge_n(summary(p.source), p.reference).f1 for p in pairs])
        for summary in (lead, lambda text: random_sentences(text, generator))
    )
    found = paired(np.mean, a, b, n=200)
    assert found.difference.low > 0 and found.share_better == 1
