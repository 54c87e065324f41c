"""The packing widget's Python: golden cases, and sums that can be counted by hand."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from widget_site import golden

from pretrain.errors import PretrainError
from pretrain.packing import pack
from pretrain.tokens import Special
from pretrain.widgets.packing import STRATEGIES, TEXT, Packing, fates, packed, sums

TRAITS = "text length strategy blocked row".split()
TEXTS = [TEXT, "", "one", " \n🎉 👩‍🚀\n\nnaïve don't\n中文 हिन्दी", "a b c d\n" * 9]


def test_golden():
    cases = []
    ways = itertools.product(TEXTS, STRATEGIES, (False, True), (4, 13))
    for text, strategy, blocked, length in ways:
        row = length % 4
        state = dict(zip(TRAITS, (text, length, strategy, blocked, row), strict=True))
        cases.append({"state": state, "answer": Packing(**state).result()})
    golden("packing", cases)


def test_two_documents_by_hand():
    """Documents of 3 and 4 tokens in rows of 6, counted on paper."""
    sizes = [3, 4]
    # <doc> A A A <doc> B B | B B lost
    whole = sums(packed(sizes, 6, "whole"), sizes, False)
    assert (whole["rows"], whole["dropped"], whole["cut"], whole["padding"]) == (
        (1, 2, 1, 0)
    )
    # the second <doc> and the first B see 4 positions of the first document each;
    # the row's last token is a target only
    assert whole["leaks"] == 8
    assert sums(packed(sizes, 6, "whole"), sizes, True)["leaks"] == 0
    # <doc> A A A <doc> B (B) | B B B <doc> _ _ _
    concat = sums(packed(sizes, 6, "concat"), sizes, False)
    assert concat == {
        "rows": 2, "padding": 2, "scored": 9, "dropped": 0, "cut": 1, "leaks": 8,
    }
    # <doc> A A A <doc> _ _ | <doc> B B B B <doc> _: padding among the inputs
    pad = sums(packed(sizes, 6, "pad"), sizes, False)
    assert pad == {
        "rows": 2, "padding": 1, "scored": 9, "dropped": 0, "cut": 0, "leaks": 0,
    }


sizes_of = st.lists(st.integers(1, 12), min_size=1, max_size=8)


@given(sizes_of, st.integers(4, 16), st.sampled_from(STRATEGIES))
def test_places_are_those_of_the_packed_tokens(sizes, length, strategy):
    """Each document packed as copies of its own number comes out the same."""
    special = Special()
    documents = [[special.reserved + i] * size for i, size in enumerate(sizes)]
    names = {special.doc: "<doc>", special.pad: "<pad>"}
    rows = [
        [names.get(i, i - special.reserved) for i in row]
        for row in pack(documents, special, length, strategy)
    ]
    found = [
        [place if isinstance(place, str) else place[0] for place in row]
        for row in packed(sizes, length, strategy)
    ]
    assert found == rows
    told = sums(packed(sizes, length, strategy), sizes, True)
    assert told["leaks"] == 0
    if strategy == "concat":
        assert told["dropped"] == 0
        # every token and every <doc> but the first is a target, once
        assert told["scored"] == sum(sizes) + len(sizes)


def test_fates():
    rows = [["<doc>", [0, 0], [0, 1]], [[0, 1], "<doc>", [1, 0]], ["<doc>", [3, 0]]]
    assert fates(rows, [2, 2, 1, 1]) == ["whole", "cut", "lost", "whole"]
    assert fates([[[0, 0], [0, 1]], [[0, 1], [0, 2]]], [3]) == ["split"]


def test_bad_input_is_told():
    for bad in (3, 17):
        with pytest.raises(PretrainError, match="4 to 16"):
            Packing(length=bad)
    with pytest.raises(PretrainError, match="whole, concat, pad"):
        Packing(strategy="best")
    with pytest.raises(PretrainError, match="counted from 0"):
        Packing(row=-1)
    assert "0 documents packed into 0 rows" in Packing(text="\n").alt()
    assert Packing(text="").picture().startswith("<svg")
