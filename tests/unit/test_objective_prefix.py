"""Prefix LM: the split, what is scored, who sees whom, and how it writes."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pretrain import tokens
from pretrain.attention import (
    attend,
    block_mask,
    causal,
    full,
    prefix,
    same_document,
)
from pretrain.batch import PADDING
from pretrain.corpora.microworld import Microworld
from pretrain.errors import PretrainError
from pretrain.evaluation.generation import Sampling, generate, generate_batch
from pretrain.evaluation.inspection import influence, leaks, moved, reach
from pretrain.evaluation.likelihood import evaluate, floor, prepare
from pretrain.losses import IGNORE
from pretrain.model import ModelConfig, Transformer, redraw
from pretrain.objectives import Causal, Prefix
from pretrain.packing import pack, rows_from
from pretrain.random import Counter, RowByRow, generator_for
from pretrain.training import Budget, fit

WORDS = tokens.words([f"w{i}" for i in range(50)])
SPECIAL = WORDS.special
PAD, DOC, FIRST, SIZE = SPECIAL.pad, SPECIAL.doc, SPECIAL.reserved, WORDS.vocab_size

corpora = st.lists(
    st.lists(st.integers(FIRST, SIZE - 1), min_size=1, max_size=12),
    min_size=1,
    max_size=6,
)
strategies = st.sampled_from(["whole", "concat", "pad"])
objectives = st.sampled_from(
    [Prefix(), Prefix(k=0), Prefix(k=2), Prefix(k=50), Prefix(share=0.5)]
)


def rows_of(documents, length=8, strategy="whole"):
    return rows_from(list(pack(documents, SPECIAL, length, strategy)), SPECIAL)


def build(**changes):
    sizes = dict(width=32, depth=2, heads=2, context=40) | changes
    return redraw(Transformer(ModelConfig(SIZE, **sizes))).eval()


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_by_hand():
    rows = rows_from([[DOC, 4, 5, 6, DOC, 7, 8, PAD]], SPECIAL)
    batch = Prefix(k=2)(rows)
    assert batch.inputs.tolist() == [[DOC, 4, 5, 6, DOC, 7, 8]]
    #  the second document has two tokens: the last of them is kept to be written
    assert batch.targets.tolist() == [[-100, -100, 6, DOC, -100, 8, -100]]
    assert batch.attention.mask(7)[0].int().tolist() == [
        [1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0],
        [0, 0, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 1, 1, 1],
    ]


@given(corpora, strategies)
def test_k_0_is_the_causal_batch(documents, strategy):
    rows = rows_of(documents, 8, strategy)
    ours, plain = Prefix(k=0)(rows), Causal()(rows)
    for name in ("inputs", "targets", "positions", "documents"):
        assert torch.equal(getattr(ours, name), getattr(plain, name))
    assert torch.equal(ours.attention.mask(8), plain.attention.mask(8))


def test_k_0_has_the_causal_loss_bit_for_bit():
    model, rows = build(), rows_of([[4, 9, 30], [12, 13], [40, 41, 42, 43]], 14)
    objectives = Prefix(k=0), Prefix(k=1), Causal()
    zero, one, plain = (each.loss(model, each(rows)) for each in objectives)
    assert torch.equal(zero.sum, plain.sum)
    assert one.mean() != plain.mean(), "no other k has it"


@given(corpora, strategies, objectives, st.integers(0, 2**32))
def test_only_what_no_position_has_seen_is_scored(documents, strategy, objective, seed):
    """And every document keeps something to write; the rows stay as they were."""
    rows = rows_of(documents, 8, strategy)
    before = rows.tokens.clone()
    batch = objective(rows, WORDS, Counter(seed))
    again = objective(rows, WORDS, Counter(seed))
    assert torch.equal(batch.targets, again.targets)
    seen = batch.attention.mask(8).expand(len(rows), 8, 8)
    plain = Causal()(rows)
    for b, t in (batch.targets != IGNORE).nonzero().tolist():
        assert batch.targets[b, t] == plain.targets[b, t]
        assert t + 1 == 8 or not seen[b, t, t + 1]
    # what is not scored, though causal scores it, lies inside a prefix
    for b, t in ((batch.targets == IGNORE) & (plain.targets != IGNORE)).nonzero():
        assert seen[b, t, t + 1]
    for b in range(len(rows)):
        for number in set(batch.documents[b].tolist()) - {PADDING}:
            inside = batch.documents[b] == number
            if (plain.targets[b][inside] != IGNORE).any():
                assert (batch.targets[b][inside] != IGNORE).any()
    batch.targets.fill_(-1)
    assert torch.equal(rows.tokens, before)


def test_the_split_is_uniform():
    """Six tokens: k is 0 … 5 with equal chance; chi-square on 5 degrees of freedom.

    The seed is fixed, so the bound (one in a million) is met or it is not.
    """
    rows = rows_from([[DOC, *range(4, 10), DOC]] * 3000, SPECIAL)
    counts = Prefix()(rows, WORDS, generator()).scored.sum(1)  # 7 − k
    found = torch.bincount(7 - counts, minlength=6)
    assert len(found) == 6
    assert stats.chisquare(found).pvalue > 1e-6


def test_documents_of_one_row_have_prefixes_of_their_own():
    rows = rows_from([[DOC, *range(4, 14), DOC, *range(4, 14), DOC]] * 400, SPECIAL)
    batch = Prefix()(rows, WORDS, generator())
    first = (batch.scored & (batch.documents == 0)).sum(1).double()
    second = (batch.scored & (batch.documents == 1)).sum(1).double()
    # 400 independent pairs: |r| < 4/√400
    assert abs(torch.corrcoef(torch.stack([first, second]))[0, 1]) < 0.2


def test_the_draw_does_not_depend_on_the_neighbors():
    long, short = [DOC, *range(4, 20), DOC], [DOC, *range(4, 10), DOC]
    pads = [PAD] * 10
    both = Prefix()(rows_from([short + pads, long], SPECIAL), WORDS, RowByRow([5, 6]))
    alone = Prefix()(rows_from([short], SPECIAL), WORDS, RowByRow([5]))
    assert torch.equal(both.targets[:1, :7], alone.targets)


# -- who sees whom --------------------------------------------------------------------


def one_row():
    rows = rows_from([[DOC, 4, 5, 6, 7, DOC, 8, 9, 10, 11]], SPECIAL)
    return Prefix(k=2)(rows)


def test_no_leak_and_the_test_fails_without_the_mask():
    batch, model = one_row(), build()
    pattern = batch.attention
    assert not leaks(model, batch.inputs, pattern, pattern, batch.positions)
    assert leaks(model, batch.inputs, full(), pattern, batch.positions)
    only = same_document(batch.documents)  # every target could be read off
    assert leaks(model, batch.inputs, only, pattern, batch.positions)


def test_no_scored_position_sees_its_target():
    batch, model = one_row(), build()
    changed = moved(model, batch.inputs, batch.attention, batch.positions)
    for t in batch.scored[0, :-1].nonzero()[:, 0].tolist():
        assert changed[t, t + 1] == 0
    assert changed[0, 2] > 1e-5  # the prefix does see ahead


@pytest.mark.parametrize("depth", [1, 2])
def test_the_jacobian_is_the_pattern(depth):
    batch, model = one_row(), build(depth=depth)
    found = influence(model, batch.inputs, batch.attention, batch.positions, 1) != 0
    assert torch.equal(found, reach(batch.attention, 9, depth)[0])
    assert torch.equal(found, batch.attention.mask(9)[0])


def test_micro_batches_keep_their_prefixes():
    rows = rows_of([[*range(4, 4 + n)] for n in (3, 5, 7, 4, 6, 3)], 9, "pad")
    objective, model = Prefix(), build()
    batch = objective(rows, WORDS, generator())
    whole = objective.loss(model, batch)
    parts = [objective.loss(model, part) for part in batch.split(3)]
    assert sum(int(p.count) for p in parts) == whole.count
    # sums of some twenty losses near 5 nats, in float32
    total = sum(p.sum for p in parts)
    torch.testing.assert_close(total, whole.sum, rtol=1e-5, atol=1e-4)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_flex_attention_follows_the_packed_prefixes():
    """The kernel of long rows on a GPU, in its CPU form: two rows of several prefixes.

    Values near 1, summed in another order in float32.
    """
    texts = [[*range(4, 4 + n)] for n in (30, 17, 40, 25, 33, 44, 20)]
    batch = Prefix()(rows_of(texts, 128), WORDS, generator())
    assert len(batch.inputs) == 2 and "prefix" in batch.attention.name
    q, k, v = torch.randn(3, 2, 2, 128, 16, generator=generator())
    blocks = block_mask(batch.attention, 128, "cpu")
    found = attend(q, k, v, batch.attention, blocks)
    expected = attend(q, k, v, batch.attention)
    torch.testing.assert_close(found, expected, atol=2e-6, rtol=0)
    causal_only = attend(q, k, v, Causal()(rows_of(texts, 128)).attention)
    assert (expected - causal_only).abs().max() > 0.1


# -- writing --------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_two_way_prompt_writes_the_same_with_and_without_the_cache(temperature):
    model = build()
    how = dict(max_tokens=12, two_way_prompt=True)
    prompts = [[4, 5, 6, 7], [8, 9], [10, 11, 12, 13]]
    chosen = Sampling(temperature)

    def write(cache, **changes):
        return generate_batch(
            model, prompts, WORDS, chosen, generator=generator(), cache=cache,
            **(how | changes),
        )  # fmt: skip

    assert write(True) == write(False)
    assert write(True) != write(True, two_way_prompt=False)


@torch.no_grad()
def test_writing_follows_the_logits_of_training():
    """The token chosen greedily is the best one under the prefix pattern."""
    model = build()
    written = generate(model, [4, 5, 6, 7], WORDS, max_tokens=5, two_way_prompt=True)
    ids = torch.tensor([[DOC, 4, 5, 6, 7, *written]])
    seen = causal() | prefix(5)
    logits = model(ids, seen)[0, 4:-1]
    logits[:, [PAD, SPECIAL.mask, SPECIAL.unk]] = -math.inf
    assert logits.argmax(-1).tolist() == written


# -- training and errors --------------------------------------------------------------


def test_it_trains_and_is_scored_against_its_floor():
    corpus = Microworld()
    tiny = Budget(tokens=4 * 4 * 64, rows=4, length=64, evaluations=1, held_out=8)
    config = ModelConfig(corpus.tokenizer.vocab_size, width=16, depth=1, heads=2)
    run = fit(config, Prefix(), corpus, tiny, device="cpu", progress=False)
    assert len(run.log.records) == 4 and math.isfinite(run.eval_loss)
    best = floor(corpus, run.held_out)
    score = evaluate(run.model, run.held_out)
    assert (score.nats > best).mean() > 0.9, "an untrained model is above the floor"


def test_evaluation_splits_at_the_half():
    corpus = Microworld()
    (document,) = corpus.heldout("validation", 1)
    held_out = prepare([document], corpus.tokenizer, Prefix())
    n = len(document.tokens)
    assert held_out.batches[0].count == n + 1 - n // 2
    assert Prefix(k=3).for_evaluation() == Prefix(k=3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Prefix(k=-1), "give 0 or more"),
        (lambda: Prefix(share=1.0), "0 ≤ share < 1"),
        (lambda: Prefix(share=float("nan")), "0 ≤ share < 1"),
        (lambda: Prefix(k=1, share=0.5), "one of the two"),
        (lambda: Prefix()(rows_of([[4, 5]])), "needs a generator"),
        (lambda: Prefix(k=1)(rows_from([[DOC]], SPECIAL)), "two tokens or more"),
    ],
)
def test_errors(make, message):
    with pytest.raises(PretrainError, match=message):
        make()


def test_a_seed_says_it_all():
    rows = rows_of([[*range(4, 30)]] * 4, 20)
    one = Prefix()(rows, WORDS, generator_for(3, 1))
    assert torch.equal(one.targets, Prefix()(rows, WORDS, generator_for(3, 1)).targets)
    assert not torch.equal(
        one.targets, Prefix()(rows, WORDS, generator_for(3, 2)).targets
    )
