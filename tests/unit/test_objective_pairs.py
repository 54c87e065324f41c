"""Sentence pairs: what is coupled, swapped, scored, and how the losses add up.

Held against plain loops and exact counts; the loss of BERT is in tests/parity.
"""

from collections import Counter
from itertools import islice
from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain import tokens
from pretrain.corpora.document import Document
from pretrain.corpora.finite import FiniteCorpus, Text
from pretrain.corpora.microworld import Microworld
from pretrain.corpora.segments import Segments, couples, pieces, segments, sentences
from pretrain.errors import EmptyCorpusError, PretrainError
from pretrain.evaluation.likelihood import evaluate, evaluation_set
from pretrain.heads import PairConfig
from pretrain.losses import IGNORE, token_losses
from pretrain.model import ModelConfig, redraw
from pretrain.objectives.masked import Masked
from pretrain.objectives.pairs import Pairs
from pretrain.random import Counter as Seeded
from pretrain.random import generator_for
from pretrain.training import Budget, fit, train_step

WORDS = tokens.words([f"w{i}" for i in range(40)])
SPECIAL = WORDS.special
PAD, DOC, MASK, FIRST = SPECIAL.pad, SPECIAL.doc, SPECIAL.mask, SPECIAL.reserved

sentence = st.lists(st.integers(FIRST, WORDS.vocab_size - 1), min_size=1, max_size=6)
piece = st.lists(
    st.builds(Segments, sentence.map(tuple), sentence.map(tuple)),
    min_size=2, max_size=8,
).map(lambda found: found[: len(found) // 2 * 2])  # fmt: skip


@pytest.fixture(scope="module")
def world() -> Microworld:
    return Microworld()


@pytest.fixture(scope="module")
def drawn(world) -> list[Segments]:
    return list(islice(segments(world, "train", 0, 60), 400))


def model_for(corpus, seed=0, **sizes):
    sizes = dict(width=16, depth=1, heads=2, context=64) | sizes
    return PairConfig(ModelConfig(corpus.tokenizer.vocab_size, **sizes)).build(seed)


def halves(batch, row: int) -> tuple[tuple, tuple]:
    """The two segments of a row, read off its tokens; checks the three <doc>."""
    ids = torch.where(batch.targets == IGNORE, batch.inputs, batch.targets)[row]
    ids = [i for i in ids.tolist() if i != PAD]
    at = [i for i, token in enumerate(ids) if token == DOC]
    assert len(at) == 3 and at[0] == 0 and at[2] == len(ids) - 1
    return tuple(ids[1 : at[1]]), tuple(ids[at[1] + 1 : -1])


# -- segments -------------------------------------------------------------------------


def test_segments_join_to_the_document(world):
    source = world.traces(Random("train 0"))
    made = (world.describe(trace, scored=False) for trace in source)
    whole = [d for d in islice(made, 300) if len(d.labels["sentences"]) > 1]
    cut = list(islice(segments(world, "train", 0, 100), len(whole)))
    assert [s.first + s.second for s in cut] == [d.tokens for d in whole]
    assert [s.kind for s in cut] == [d.kind for d in whole]
    ends = [{end for _, end in d.labels["sentences"]} for d in whole]
    assert all(len(s.first) in e for s, e in zip(cut, ends, strict=True))


def test_long_segments_meet_at_the_cut(drawn, world):
    short = list(islice(segments(world, "train", 0, 5), len(drawn)))
    for long, cut in zip(drawn, short, strict=True):
        assert cut.first == long.first[-5:] and cut.second == long.second[:5]


def test_without_its_opening_a_document_begins_at_its_second_sentence(world):
    source = world.traces(Random("train 0"))
    made = (world.describe(trace, scored=False) for trace in source)
    long = [d for d in islice(made, 200) if len(d.labels["sentences"]) > 2]
    cut = islice(segments(world, "train", 0, 100, opening=False), len(long))
    for document, both in zip(long, cut, strict=True):
        second = document.labels["sentences"][1][0]
        assert both.first + both.second == document.tokens[second:]
    objective = Pairs("sop", opening=False)
    piece = next(objective.read(world, "train", 0, rows=4, length=203))
    again = islice(segments(world, "train", 0, 100, opening=False), 8)
    assert set(piece) <= set(again)


def test_plain_text_is_cut_after_marks_and_loses_nothing():
    text = "Was it late? It was 3.5 hours late! So we went home."
    bytewise = tokens.byte_bpe([text], 300)
    found = sentences(Document((), text), bytewise)
    said = [bytewise.decode(ids) for ids in found]
    assert said == ["Was it late?", " It was 3.5 hours late!", " So we went home."]


def test_couples_differ_and_each_document_comes_once(drawn):
    for same_kind in (False, True):
        found = list(couples(drawn, same_kind))
        for a, b in found:
            assert a.first != b.first and a.second != b.second
            assert not same_kind or a.kind == b.kind
        used = Counter(id(one) for couple in found for one in couple)
        assert set(used.values()) == {1}
        assert len(used) > 0.8 * len(drawn)
    assert any(a.kind != b.kind for a, b in couples(drawn, False))


def test_a_piece_can_be_skipped(drawn):
    all_of_them = list(pieces(drawn, 8, True))
    assert list(pieces(drawn, 8, True, skip=3)) == all_of_them[3:]


# -- batches --------------------------------------------------------------------------


@given(piece, st.integers(0, 2**31))
def test_nsp_swaps_second_segments_of_a_couple(found, seed):
    batch = Pairs("nsp")(found, WORDS, Seeded(seed))
    for i, label in enumerate(batch.labels.tolist()):
        partner = found[i ^ 1] if label else found[i]
        assert halves(batch, i) == (found[i].first, partner.second)
        assert label == batch.labels[i ^ 1]


@given(piece, st.integers(0, 2**31))
def test_sop_swaps_the_order(found, seed):
    batch = Pairs("sop")(found, WORDS, Seeded(seed))
    for i, label in enumerate(batch.labels.tolist()):
        both = (found[i].first, found[i].second)
        assert halves(batch, i) == (both[::-1] if label else both)


@given(piece, st.integers(0, 2**31), st.sampled_from(["nsp", "sop", None]))
def test_fields_of_a_batch(found, seed, kind):
    before = list(found)
    batch = Pairs(kind)(found, WORDS, Seeded(seed))
    assert found == before
    again = Pairs(kind)(found, WORDS, Seeded(seed))
    assert torch.equal(batch.inputs, again.inputs)
    for i in range(len(found)):
        a, b = halves(batch, i)
        left, right = len(a) + 2, len(b) + 1
        rest = batch.inputs.shape[1] - left - right
        assert batch.segments[i].tolist() == [0] * left + [1] * right + [0] * rest
        assert batch.documents[i].tolist() == [0] * (left + right) + [-1] * rest
    # No special token is masked, and none appears but <mask>.
    assert not torch.isin(batch.targets, torch.tensor(SPECIAL.ids)).any()
    changed = batch.inputs[batch.scored]
    assert ((changed >= FIRST) | (changed == MASK)).all()
    seen = batch.attention.mask(batch.inputs.shape[1])
    there = batch.documents >= 0
    blind = (seen & ~there[:, None, :]).any(1) & there  # a token that sees padding
    assert not blind.any()


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_every_arm_holds_the_same_segments(seed):
    """The confound: a batch with NSP has neither other segments nor other lengths."""
    random = Random(seed)
    found = [
        Segments(*(tuple(random.choices(range(FIRST, 44), k=random.randint(1, 9)))
                   for _ in range(2)))
        for _ in range(10)
    ]  # fmt: skip
    arms = {
        kind: Pairs(kind, Masked(0.15, (1.0, 0, 0)))(found, WORDS, Seeded(seed))
        for kind in ("nsp", "sop", None)
    }
    cut = {
        kind: [halves(batch, i) for i in range(10)] for kind, batch in arms.items()
    }
    for side in (0, 1):
        assert Counter(a[side] for a in cut["nsp"]) == Counter(
            a[side] for a in cut[None]
        )
    assert [sorted(a) for a in cut["sop"]] == [sorted(a) for a in cut[None]]
    off = Pairs("nsp", pair_weight=0.0)(found, WORDS, Seeded(seed))
    on = Pairs("nsp")(found, WORDS, Seeded(seed))
    assert torch.equal(off.inputs, on.inputs) and not off.pair_weights.any()


def test_half_of_the_pairs_are_true(drawn):
    """4,000 couples: within four standard errors of a half."""
    labels = [
        Pairs("nsp", None)(drawn[:100], WORDS_OF_WORLD, generator_for(0, i)).labels
        for i in range(80)
    ]
    share = torch.stack(labels)[:, ::2].float().mean().item()
    assert abs(share - 0.5) < 4 * 0.5 / 4000**0.5


WORDS_OF_WORLD = Microworld().tokenizer


# -- the loss -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def batch(drawn, world):
    return Pairs("sop")(drawn[:12], world.tokenizer, generator_for(1))


def test_the_loss_is_mean_plus_mean(batch, world):
    objective = Pairs("sop")
    model = redraw(model_for(world)).double()
    loss = objective.loss(model, batch)
    hidden = model.hidden(
        batch.inputs, batch.attention, batch.positions, batch.segments
    )
    masked = token_losses(model.logits(hidden), batch.targets).sum()
    masked = masked / batch.scored.sum()
    pair = -model.pair_logits(hidden).log_softmax(-1)[range(12), batch.labels].mean()
    # Weights are float32, so relative errors of 2⁻²⁴ = 6e-8 each.
    torch.testing.assert_close(loss.sum / batch.count, masked + pair, rtol=1e-6, atol=0)
    assert int(loss.count) == batch.count
    torch.testing.assert_close(loss.parts["mlm"].mean(), masked)
    torch.testing.assert_close(loss.parts["pairs"].mean(), pair)


def test_micro_batches_add_up_though_masks_fall_unevenly(drawn, world):
    """Four rows a part: one with no masked token at all, and its pairs still count."""
    found = sorted(drawn[:12], key=lambda s: len(s.first) + len(s.second))
    batch = Pairs("nsp", Masked(0.02))(found, world.tokenizer, generator_for(4))
    parts = batch.split(6)
    assert any(not part.scored.any() for part in parts)
    grads = []
    for micro in (1, 6):
        model = redraw(model_for(world), 3).double()
        budget = Budget(rows=12, micro_batches=micro, clip=1e9)
        stepper = torch.optim.SGD(model.parameters(), lr=0.0)
        stepper.param_groups[0]["base_lr"] = 0.0
        objective = Pairs("nsp", Masked(0.02))
        record = train_step(model, objective, batch, [stepper], 1.0, budget)
        flat = torch.cat([p.grad.flatten() for p in model.parameters()])
        grads.append((record, flat))
    torch.testing.assert_close(grads[0][1], grads[1][1], rtol=1e-9, atol=1e-12)
    for key in ("loss", "loss_mlm", "loss_pairs"):
        assert grads[0][0][key] == pytest.approx(grads[1][0][key], rel=1e-12)


def test_segment_numbers_and_both_segments_reach_the_head(batch, world):
    model = redraw(model_for(world)).eval()
    fields = batch.inputs, batch.attention, batch.positions
    with torch.no_grad():
        known = model.pair_logits(model.hidden(*fields, batch.segments))
        plain = model.pair_logits(model.hidden(*fields))
    assert (known - plain).abs().min() > 1e-6


def test_the_head_alone_can_learn_from_the_pairs_alone(drawn, world):
    found = Pairs("nsp", None)(drawn[:8], world.tokenizer, generator_for(0))
    assert not found.scored.any() and found.count == 8
    loss = Pairs("nsp", None).loss(redraw(model_for(world)), found)
    assert set(loss.parts) == {"pairs"}
    torch.testing.assert_close(loss.sum, loss.parts["pairs"].sum)


# -- training -------------------------------------------------------------------------

SMALL = Budget(4 * 8 * 64, rows=8, length=64, held_out=16, evaluations=2)


@pytest.mark.parametrize("kind", ["nsp", "sop", None])
def test_four_steps_of_fit(kind, world):
    run = fit(model_for(world), Pairs(kind), world, SMALL, progress=False)
    assert len(run.log.records) == 4
    assert len(run.log.column("eval_mlm")) == 2
    if kind:
        assert 0 <= run.log.column("eval_accuracy")[-1] <= 1
        score = evaluate(run.model, run.held_out)
        assert score.metrics["accuracy"] == run.log.column("eval_accuracy")[-1]
        both = run.log.column("eval_mlm")[-1] + run.log.column("eval_pairs")[-1]
        assert run.eval_loss == pytest.approx(both, rel=1e-6)


def test_a_text_without_labels_trains_as_well():
    texts = [Text(f"One {w}. Two {w}? Three {w}!") for w in "abcdefghijklmnop"]
    splits = {"train": texts, "validation": texts[:6]}
    corpus = FiniteCorpus("text", splits, "words")
    run = fit(model_for(corpus), Pairs("sop"), corpus, SMALL, progress=False)
    assert run.eval_loss > 0
    assert sum(len(b.labels) for b in run.held_out.batches) == 6


def test_evaluation_repeats_and_depends_on_no_training_choice(world):
    one = evaluation_set(world, Pairs("nsp", Masked(0.4)), 32, 64)
    two = evaluation_set(world, Pairs("nsp", Masked(0.15)), 32, 64)
    for a, b in zip(one.batches, two.batches, strict=True):
        assert torch.equal(a.inputs, b.inputs) and torch.equal(a.labels, b.labels)


# -- bad input ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Pairs("next"), "choose 'nsp', 'sop'"),
        (lambda: Pairs(None, None), "nothing would be scored"),
        (lambda: Pairs(pair_weight=-1.0), "pair_weight"),
        (lambda: Pairs(pair_weight=float("nan")), "pair_weight"),
        (lambda: Pairs("nsp")([Segments((4,), (5,))], WORDS, Seeded(0)), "even"),
        (lambda: Pairs("sop")([], WORDS, Seeded(0)), "0 documents"),
        (lambda: next(pieces([], 3, False)), "3 sentence pairs"),
        (
            lambda: Pairs("sop")(
                [Segments((4,), (5,))], tokens.words(["a", "b"], mask=False), Seeded(0)
            ),
            "no <mask>",
        ),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(PretrainError, match=message):
        make()


def test_bad_corpora_are_refused(world):
    with pytest.raises(EmptyCorpusError, match="of the kinds code"):
        evaluation_set(world, Pairs(kinds=("code",)), 8, 64)
    with pytest.raises(PretrainError, match="5 or more"):
        evaluation_set(world, Pairs(), 8, 4)
