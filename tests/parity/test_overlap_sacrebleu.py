"""BLEU against sacrebleu and ROUGE against rouge-score, on random texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pretrain.evaluation.overlap import (
    bleu,
    bleu_counts,
    rouge_l,
    rouge_n,
    tokenize_13a,
    tokenize_rouge,
)

sacrebleu = pytest.importorskip("sacrebleu")
rouge_scorer = pytest.importorskip("rouge_score.rouge_scorer")

# Sums of a few floats of order 1 in another order.
TOLERANCE = 1e-9

WORDS = ["the", "cat", "Sat", "on", "mat.", "1,000", "(no)", "don't", "né", "3-4"]
sentence = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
# Every mark of ASCII, digits, line ends, letters with accents, and what 13a unescapes.
characters = st.text(
    st.sampled_from([*map(chr, range(32, 127)), *"\n\té“”—日本\x0b\u2028"]), max_size=40
)
anything = st.one_of(
    sentence,
    characters,
    st.lists(
        st.sampled_from(["&quot;", "&amp;", "lt;", "<skipped>", "a-\nb", "5.0", "x,"])
    ).map("".join),
    st.text(max_size=20),
)


@given(anything)
def test_13a(text):
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    # sacrebleu strips a segment's end before it cuts it.
    assert tokenize_13a(text) == Tokenizer13a()(text.rstrip()).split()


@given(anything)
def test_the_tokenizer_of_rouge(text):
    from rouge_score.tokenizers import DefaultTokenizer

    assert tokenize_rouge(text) == DefaultTokenizer(False).tokenize(text)


@pytest.mark.parametrize("smoothing", ["exp", "none"])
@given(st.lists(st.tuples(anything, anything, anything), min_size=1, max_size=5))
def test_bleu_of_a_corpus(smoothing, triples):
    """Two references for each candidate."""
    candidates, first, second = zip(*triples, strict=True)
    metric = sacrebleu.BLEU(smooth_method=smoothing)
    theirs = metric.corpus_score(candidates, [first, second])
    counts = bleu_counts(candidates, list(zip(first, second, strict=True)))
    assert counts[:, 0].sum() == theirs.sys_len
    assert counts[:, 1].sum() == theirs.ref_len
    assert counts[:, 2:6].sum(0).tolist() == theirs.counts
    assert counts[:, 6:].sum(0).tolist() == theirs.totals
    if not all(theirs.totals):
        # Undefined, and set to 0 in both: no candidate is as long as four words.
        assert theirs.score < 1e-300
    assert bleu(counts, smoothing) == pytest.approx(theirs.score / 100, abs=TOLERANCE)


@given(anything, anything)
def test_rouge(candidate, reference):
    scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"])
    theirs = scorer.score(reference, candidate)
    ours = {
        "rouge1": rouge_n(candidate, reference, 1),
        "rouge2": rouge_n(candidate, reference, 2),
        "rougeL": rouge_l(candidate, reference),
    }
    for name, found in ours.items():
        expected = theirs[name]
        assert found.precision == pytest.approx(expected.precision, abs=TOLERANCE)
        assert found.recall == pytest.approx(expected.recall, abs=TOLERANCE)
        assert found.f1 == pytest.approx(expected.fmeasure, abs=TOLERANCE)
