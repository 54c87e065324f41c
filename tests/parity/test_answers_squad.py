"""Exact match and F1 against the SQuAD metric of torchmetrics."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pretrain.evaluation.answers import exact_match, f1, normalized

WORDS = ["the", "The", "a", "an", "cat", "Cat's", "sat.", "on-mat", "", "é", "..."]
answer = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join), st.text(max_size=12)
)


@pytest.fixture(scope="module")
def squad():
    """Here, not above: it imports for seconds, also where other files are tested."""
    return pytest.importorskip("torchmetrics.functional.text.squad")


@given(text=answer)
def test_the_normalization(squad, text):
    assert normalized(text) == squad._normalize_text(text)


@given(prediction=answer, golds=st.lists(answer, min_size=1, max_size=3))
def test_exact_match_and_f1(squad, prediction, golds):
    theirs = squad.squad(
        {"prediction_text": prediction, "id": "1"},
        {"answers": {"answer_start": [0] * len(golds), "text": golds}, "id": "1"},
    )
    assert exact_match(prediction, golds) == float(theirs["exact_match"]) / 100
    # They keep percent as float32.
    assert f1(prediction, golds) == pytest.approx(float(theirs["f1"]) / 100, abs=1e-6)
