"""The masking explorer's Python: golden cases for JavaScript, and what is new in it."""

import itertools
import math
from collections import Counter as Tally

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from widget_site import golden

from pretrain.errors import PretrainError
from pretrain.objectives.masked import Masked
from pretrain.random import Counter
from pretrain.tokens import words
from pretrain.widgets import masking
from pretrain.widgets.masking import MaskingExplorer, SpanMasked, one_row, pieces

LONG = "One comfortable afternoon, a well-known cat didn't understand counterexamples. "
STRANGE = "naïve Ünïcode ½ x² snake_case 👩‍🚀🎉 e\u0301 हिन्दी 中文 <mask>"
STRANGE += " ## a\u200bb \x1f\x85\xa0\u2028\ufeff"
SETTINGS = [
    {},
    {"seed": 2},
    {"seed": 4294967295, "rate": 1.0},
    {"rate": 0.01},
    {"rate": 0.5, "split": [0.0, 1.0, 0.0]},
    {"rate": 0.5, "split": [0.34, 0.33, 0.33]},
    {"how": "exact", "rate": 0.3},
    {"how": "exact", "rate": 0.5, "in_pieces": True, "whole_words": True, "seed": 9},
    {"how": "independent", "rate": 0.4, "in_pieces": True, "whole_words": True},
    {"how": "spans", "rate": 0.5, "length": 3.0, "in_pieces": True},
    {"how": "spans", "rate": 0.15, "length": 1.0, "seed": 5},
    {"how": "spans", "rate": 1.0, "length": 10.0},
    {"by_hand": [0, 2], "rate": 0.3},
]
TRAITS = (
    "text rate split how in_pieces whole_words length seed by_hand".split()
)


def answer(widget: MaskingExplorer) -> dict:
    """What Python says the widget should show."""
    sizes = [1] * len(pieces(widget.text, widget.in_pieces))
    if widget.whole_words:
        sizes = word_sizes(pieces(widget.text, widget.in_pieces))
    return widget.result() | {
        "expected": masking.expected(widget.rate, sizes, widget.how),
        "empty": masking.empty_chance(widget.rate, len(sizes))
        if widget.how == "independent"
        else None,
    }


def word_sizes(tokens: list[str]) -> list[int]:
    sizes = []
    for token in tokens:
        if token.startswith("##"):
            sizes[-1] += 1
        else:
            sizes.append(1)
    return sizes


def test_golden():
    cases = []
    for text, settings in itertools.product([masking.TEXT, LONG, STRANGE], SETTINGS):
        widget = MaskingExplorer(text=text, **settings)
        state = {name: getattr(widget, name) for name in TRAITS}
        cases.append({"state": state, "answer": answer(widget)})
    golden("masking", cases)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_words_are_cut_as_the_tokenizer_cuts_them(text):
    found = pieces(text)
    if found:
        assert len(words([text]).encode(text)) == len(found)
    assert not any(piece == "" or " " in piece for piece in found)


def test_pieces_join_to_their_words():
    joined = " ".join(pieces(LONG, in_pieces=True)).replace(" ##", "")
    assert joined == " ".join(pieces(LONG))


def test_a_seed_masks_what_the_objective_masks():
    """The widget's tokenizer is a stand-in; the real one gives the same draws."""
    rows, _ = one_row(masking.TEXT)
    tokenizer = words([masking.TEXT])
    real = torch.tensor([[1, *tokenizer.encode(masking.TEXT), 1]])
    batch = Masked(0.3)(
        type(rows)(real, rows.documents, rows.positions), tokenizer, Counter(7)
    )
    targets = MaskingExplorer(rate=0.3, seed=7).result()["targets"]
    assert batch.scored[0, 1:].tolist() == [target is not None for target in targets]


@given(
    st.integers(1, 60), st.floats(0.01, 1.0), st.floats(1.0, 10.0), st.integers(0, 99)
)
def test_spans_have_the_count_and_the_number_asked_for(n, rate, length, seed):
    hidden = SpanMasked(rate, length=length)._one_row(n, Counter(seed))
    assert len(hidden) == n
    wanted = min(max(round(rate * n), 1), n)
    assert sum(hidden) == wanted
    runs = [on for on, _ in itertools.groupby(hidden) if on]
    most = min(wanted, n - wanted + 1)
    assert len(runs) == min(max(round(wanted / length), 1), most)


def test_every_way_to_lay_the_spans_is_as_likely():
    """6 tokens, 3 hidden in 2 spans: 2 splits × 6 places, each 1/12 of the time."""
    objective = SpanMasked(0.5, length=1.5)
    draws = Counter(0)
    seen = Tally(tuple(objective._one_row(6, draws)) for _ in range(12_000))
    assert len(seen) == 2 * math.comb(4, 2)
    # 1000 each; five standard deviations of a binomial count are 152
    assert all(abs(count - 1000) < 152 for count in seen.values())


def test_the_expected_count_is_the_mean_over_all_outcomes():
    """Two words of 1 and 2 tokens at rate r: the four outcomes, one by one."""
    rate = 0.3
    both, first, second = rate * rate, rate * (1 - rate), (1 - rate) * rate
    none = (1 - rate) ** 2  # either word is taken, each half of the time
    by_hand = 3 * both + 1 * first + 2 * second + 1.5 * none
    assert masking.expected(rate, [1, 2], "independent") == pytest.approx(by_hand)
    assert masking.empty_chance(rate, 2) == pytest.approx(none)


def test_bad_input_is_told():
    for bad in ({"rate": 0.0}, {"rate": math.nan}, {"split": [1.0, 1.0, 0.0]}):
        with pytest.raises(PretrainError):
            MaskingExplorer(**bad)
    with pytest.raises(PretrainError, match="independent, exact, spans"):
        MaskingExplorer(how="often")
    with pytest.raises(PretrainError, match="nothing to mask"):
        MaskingExplorer(text=" \n").result()
    assert "0 tokens" in MaskingExplorer(text="").alt()  # and it still draws itself
    assert MaskingExplorer(text="").picture().startswith("<svg")
