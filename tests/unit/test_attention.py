"""Patterns: what they allow, how they combine, and that all paths compute the same."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain.attention import (
    CAUSAL,
    FULL,
    Pattern,
    attend,
    block_mask,
    causal,
    full,
    prefix,
    rows_of,
    same_document,
    window,
)
from pretrain.errors import PretrainError
from pretrain.model import ModelConfig, Transformer, redraw

T = 9
# Documents of 3, 2 and 4 tokens; two of 4 and one padding position.
IDS = torch.tensor([[0, 0, 0, 1, 1, 2, 2, 2, 2], [0, 0, 0, 0, 1, 1, 1, 1, -1]])


def every_pattern():
    documents = same_document(IDS)
    return [
        causal(),
        full(),
        causal() | prefix(3),
        causal() | prefix(torch.tensor([2, 5])),
        window(3),
        causal() & window(3),
        documents,
        causal() & documents,
        (causal() | prefix(4)) & documents,
    ]


def by_hand(q, k, v, mask):
    """Softmax attention in float64, written out."""
    scores = q.double() @ k.double().mT / math.sqrt(q.shape[-1])
    scores = scores.masked_fill(~mask[:, None], -torch.inf)
    weights = (scores - scores.amax(-1, keepdim=True)).exp()
    return (weights / weights.sum(-1, keepdim=True)) @ v.double()


def qkv(length=T, rows=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(rows, 2, length, 8, generator=generator) for _ in range(3)]


def test_masks_by_hand():
    index = range(4)
    seen = {
        causal(): [[k <= q for k in index] for q in index],
        full(): [[True for k in index] for q in index],
        prefix(2): [[k < 2 for k in index] for q in index],
        window(2): [[abs(q - k) < 2 for k in index] for q in index],
        causal() | prefix(3): [[k <= q or k < 3 for k in index] for q in index],
        causal() & window(2): [[q - 1 <= k <= q for k in index] for q in index],
    }
    for pattern, expected in seen.items():
        assert pattern.mask(4)[0].tolist() == expected, pattern.name


def test_documents_of_three_two_and_four_tokens_keep_19_of_45_causal_pairs():
    packed = causal() & same_document(IDS[:1])
    assert causal().mask(T).sum() == 45
    assert packed.mask(T).sum() == 3 * 4 / 2 + 2 * 3 / 2 + 4 * 5 / 2 == 19


def test_a_prefix_for_each_row():
    mask = prefix(torch.tensor([1, 3])).mask(4)
    assert mask.shape == (2, 4, 4)
    assert mask[0].sum(1).tolist() == [1] * 4
    assert mask[1].sum(1).tolist() == [3] * 4


def some_pattern():
    documents = st.lists(st.integers(-1, 2), min_size=T, max_size=T)
    return st.one_of(
        st.just(causal()),
        st.just(full()),
        st.integers(0, T + 2).map(prefix),
        st.integers(1, T + 2).map(window),
        documents.map(lambda ids: same_document(torch.tensor([ids]))),
    )


@settings(max_examples=60, deadline=None)
@given(some_pattern(), some_pattern(), some_pattern())
def test_and_is_intersection_and_or_is_union(a, b, c):
    A, B, C = (p.mask(T) for p in (a, b, c))
    assert torch.equal((a & b).mask(T), A & B)
    assert torch.equal((a | b).mask(T), A | B)
    assert torch.equal(((a | b) & c).mask(T), (A | B) & C)
    assert torch.equal((a | (b & c)).mask(T), A | (B & C))


@given(st.integers(1, 12))
def test_limits_of_a_prefix(length):
    assert torch.equal((causal() | prefix(0)).mask(length), causal().mask(length))
    assert torch.equal((causal() | prefix(length)).mask(length), full().mask(length))


def test_combinations_with_full_stay_the_objects_that_the_fast_path_knows():
    assert full() & causal() is CAUSAL
    assert causal() & full() is CAUSAL
    assert causal() | full() is FULL
    assert ((causal() | prefix(2)) & window(3)).name == (
        "(causal or prefix(2)) and window(3)"
    )


@pytest.mark.parametrize("pattern", every_pattern(), ids=lambda p: p.name)
def test_the_fused_kernel_equals_a_softmax_written_out(pattern):
    q, k, v = qkv()
    expected = by_hand(q, k, v, pattern.mask(T).expand(2, T, T))
    # float32 rounding of sums over 9 keys and 8 numbers, values near 1
    torch.testing.assert_close(
        attend(q, k, v, pattern).double(), expected, atol=2e-6, rtol=0
    )


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("pattern", every_pattern(), ids=lambda p: p.name)
def test_flex_attention_computes_the_same(pattern):
    q, k, v = qkv(128)  # FlexAttention works in blocks of 128
    if pattern.rows and "prefix" not in pattern.name:
        ids = IDS.repeat_interleave(15, 1)[:, :128]
        pattern = same_document(ids)
        pattern = causal() & pattern if "causal" in pattern.name else pattern
    elif "and same document" in pattern.name:
        ids = IDS.repeat_interleave(15, 1)[:, :128]
        pattern = (causal() | prefix(4)) & same_document(ids)
    if pattern in (CAUSAL, FULL):
        pattern = pattern & window(128)  # the same, but not by the shortcut
    blocks = block_mask(pattern, 128, "cpu")
    torch.testing.assert_close(
        attend(q, k, v, pattern, blocks),
        attend(q, k, v, pattern),
        atol=2e-6,  # two orders of summation in float32
        rtol=0,
    )


def test_a_model_prepares_its_pattern_once(monkeypatch):
    """Not once a layer: at 16k positions one mask is 256 MB."""
    made = []
    original = Pattern.mask
    monkeypatch.setattr(
        Pattern, "mask", lambda *a, **k: made.append(1) or original(*a, **k)
    )
    model = redraw(Transformer(ModelConfig(vocab_size=9, width=16, heads=2, depth=3)))
    model(torch.ones(2, 8, dtype=torch.long), window(3))
    assert len(made) == 1
    model(torch.ones(2, 8, dtype=torch.long), causal())
    assert len(made) == 1


def test_the_causal_shortcut_equals_the_causal_mask():
    q, k, v = qkv()
    masked = F.scaled_dot_product_attention(q, k, v, attn_mask=CAUSAL.mask(T)[:, None])
    torch.testing.assert_close(attend(q, k, v, causal()), masked, atol=2e-6, rtol=0)
    unmasked = attend(q, k, v, full())
    assert (unmasked - masked).abs().max() > 0.1  # and the mask does matter


def test_padding_gives_no_nan_and_is_seen_by_nobody():
    pattern = same_document(torch.full((1, T), -1))
    assert torch.equal(pattern.mask(T)[0], torch.eye(T, dtype=torch.bool))
    q, k, v = qkv()
    for padded in (same_document(IDS), causal() & same_document(IDS)):
        assert attend(q, k, v, padded).isfinite().all()
        assert padded.mask(T)[1, :-1, -1].sum() == 0
        assert padded.mask(T)[1, -1].tolist() == [False] * 8 + [True]


def test_rows_of_cuts_a_pattern_as_it_cuts_the_mask():
    pattern = causal() & same_document(IDS)
    for cut in (slice(0, 1), slice(1, 2), slice(0, 2)):
        assert torch.equal(rows_of(pattern, cut).mask(T), pattern.mask(T)[cut])
    assert rows_of(causal(), slice(0, 1)) is CAUSAL


def test_errors_say_what_to_do():
    with pytest.raises(PretrainError, match="for 2 and for 3 rows: build both"):
        same_document(IDS) & prefix(torch.tensor([1, 2, 3]))
    with pytest.raises(PretrainError, match="window of 0 positions: give 1 or more"):
        window(0)
    with pytest.raises(PretrainError, match="prefix of -1 tokens: give 0 or more"):
        prefix(-1)
    with pytest.raises(PretrainError, match="row of 10: build the pattern from"):
        same_document(IDS).mask(10)


def test_a_pattern_draws_one_square_a_pair_and_one_dot_a_visible_pair():
    import matplotlib

    matplotlib.use("Agg")
    ax = (causal() | prefix(2)).draw(["a", "b", "c", "d"])
    assert len(ax.patches) == 16
    assert len(ax.lines) == int((causal() | prefix(2)).mask(4).sum()) == 11
    assert [label.get_text() for label in ax.get_xticklabels()] == list("abcd")
    matplotlib.pyplot.close(ax.figure)
