"""Span corruption: round trip, counts, the drawn masks, both forms, and training.

And what it stands on: further special tokens, and rows of rewritten documents.
"""

import itertools
import math
from collections import Counter as Tally
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pretrain import tokens
from pretrain.attention import causal, same_document
from pretrain.batch import PADDING
from pretrain.corpora.extended import WithTokens
from pretrain.corpora.microworld import Microworld
from pretrain.encoder_decoder import EncoderDecoderConfig
from pretrain.errors import PretrainError
from pretrain.evaluation.inspection import leaks
from pretrain.evaluation.likelihood import evaluation_set
from pretrain.losses import IGNORE
from pretrain.model import ModelConfig, Transformer, redraw
from pretrain.objectives import Masked, SpanCorruption
from pretrain.objectives.rewriting import one_stack, two_stacks
from pretrain.objectives.span import (
    counts,
    cut_out,
    lengths,
    noise_mask,
    restore,
    segments,
    sentinel_ids,
    sentinel_names,
)
from pretrain.packing import pack, rows_from
from pretrain.random import Counter, RowByRow
from pretrain.training import Budget, fit

PLAIN = tokens.words([f"w{i}" for i in range(40)])
WORDS = tokens.with_extras(PLAIN, sentinel_names(32))
SPECIAL = WORDS.special
PAD, DOC, FIRST = SPECIAL.pad, SPECIAL.doc, SPECIAL.reserved
LAST = SPECIAL.first_extra - 1
E0, E1, E2 = sentinel_ids(SPECIAL)[:3]

rates = st.floats(0.01, 0.99)
spans = st.floats(1.0, 12.0)
documents = st.lists(st.integers(FIRST, LAST), min_size=2, max_size=40)
seeds = st.integers(0, 2**32 - 1)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def rows_of(texts, length=24, strategy="whole"):
    return rows_from(list(pack(texts, SPECIAL, length, strategy)), SPECIAL)


# -- further special tokens -----------------------------------------------------------


def test_further_tokens_change_no_id_and_no_text():
    for base in (PLAIN, Microworld().tokenizer, tokens.byte_bpe(["a cat <extra_0>"])):
        more = tokens.with_extras(base, sentinel_names(3))
        text = "The cat <extra_0> w3"
        assert more.encode(text) == base.encode(text)
        assert more.vocab_size == base.vocab_size + 3
        assert more.special.ids[:-3] == base.special.ids
        assert more.special.ids[-3:] == tuple(range(base.vocab_size, more.vocab_size))
        assert more.tokens[: base.vocab_size] == base.tokens
        assert more.tokens[-1] == "<extra_2>"
        ids = base.encode(text)
        assert more.decode([more.vocab_size - 1, *ids, DOC]) == base.decode(ids)
        assert more.token_bytes[-3:].tolist() == [0, 0, 0]
        assert more.is_word_start[-3:].all()
        assert len(more.token_bytes) == len(more.is_word_start) == more.vocab_size


def test_further_tokens_survive_a_file_and_a_second_helping(tmp_path):
    for base in (PLAIN, Microworld().tokenizer):
        once = tokens.with_extras(base, ["<extra_0>"])
        twice = tokens.with_extras(once, ["<prefix>", "<extra_0>"])
        assert twice.special.extras == ("<extra_0>", "<prefix>")
        twice.save(tmp_path / "tokenizer.json")
        again = tokens.Tokenizer.load(tmp_path / "tokenizer.json")
        assert again.special == twice.special and again.tokens == twice.tokens
        assert type(again.base) is type(base)
    assert tokens.with_extras(once, ["<extra_0>"]) is once


@pytest.mark.parametrize("names", [["<mask>"], ["extra"], ["<a>", "<a>"], [3]])
def test_bad_names(names):
    with pytest.raises(PretrainError, match="cannot be a further special token"):
        tokens.with_extras(PLAIN, names)


def test_masked_modeling_neither_hides_nor_draws_further_tokens():
    row = [DOC, *range(FIRST, LAST + 1), E0, E1, DOC]
    rows = rows_from([row] * 200, SPECIAL)
    batch = Masked(0.9, (0.0, 1.0, 0.0))(rows, WORDS, generator())
    changed = batch.inputs != rows.tokens[:, :-1]
    assert changed.float().mean() > 0.7
    assert (batch.inputs[changed] < SPECIAL.first_extra).all()
    assert not batch.scored[:, -2:].any()


def test_the_view_of_a_corpus():
    corpus = Microworld()
    view = WithTokens(corpus, sentinel_names(2))
    for _, ours, theirs in zip(
        range(5), view.stream("train", 3), corpus.stream("train", 3), strict=False
    ):
        assert ours == theirs
    assert view.heldout("test", 2) == corpus.heldout("test", 2)
    assert view.name == corpus.name
    assert view.masked_surprisals == corpus.masked_surprisals
    assert view.tokenizer.vocab_size == corpus.tokenizer.vocab_size + 2


# -- the noise ------------------------------------------------------------------------


@given(st.integers(2, 200), rates, spans, seeds)
def test_noise_has_its_number_of_tokens_and_spans(length, rate, mean, seed):
    lots = Counter(seed).uniform(length)
    noise = noise_mask(length, rate, mean, lots)
    hidden, number = counts(length, rate, mean)
    assert noise.shape == (length,) and noise.sum() == hidden
    assert (np.diff(noise.astype(int)) == 1).sum() == number
    assert not noise[0] and noise[-1]
    assert 1 <= number <= min(hidden, length - hidden)
    assert hidden == min(max(round(rate * length), 1), length - 1)


def test_every_mask_of_t5_is_equally_likely():
    """12 tokens, 5 of them noise in 3 spans: C(4,2) · C(6,2) = 90 masks.

    20,000 draws with a fixed seed, chi-square on 89 degrees of freedom; and the masks
    are exactly those that can be enumerated.
    """
    length, rate, mean = 12, 5 / 12, 5 / 3
    assert counts(length, rate, mean) == (5, 3)
    wanted = set()
    for hidden in itertools.product(range(1, 4), repeat=3):
        for shown in itertools.product(range(1, 6), repeat=3):
            if sum(hidden) == 5 and sum(shown) == 7:
                pairs = zip(shown, hidden, strict=True)
                wanted.add("".join("." * s + "x" * h for s, h in pairs))
    assert len(wanted) == math.comb(4, 2) * math.comb(6, 2) == 90
    lots = np.random.default_rng(0).random((20_000, length))
    found = Tally(
        "".join(".x"[hit] for hit in noise_mask(length, rate, mean, row).astype(int))
        for row in lots
    )
    assert set(found) == wanted
    assert stats.chisquare(list(found.values())).pvalue > 1e-6


@given(st.integers(1, 30), st.data())
def test_segments_are_a_composition(items, data):
    parts = data.draw(st.integers(1, items))
    found = segments(items, parts, Counter(data.draw(seeds)).uniform(items))
    assert len(found) == parts and found.sum() == items and found.min() >= 1


# -- the pair -------------------------------------------------------------------------


def test_a_pair_by_hand():
    noise = np.array([False, True, True, False, False, True])
    source, answer = cut_out([4, 5, 6, 7, 8, 9], noise, sentinel_ids(SPECIAL))
    assert source == [4, E0, 7, 8, E1]
    assert answer == [E0, 5, 6, E1, 9, E2]
    assert restore(source, answer, SPECIAL) == [4, 5, 6, 7, 8, 9]


@given(documents, rates, spans, seeds)
def test_the_round_trip_is_exact(document, rate, mean, seed):
    lots = Counter(seed).uniform(len(document))
    noise = noise_mask(len(document), rate, mean, lots)
    before = list(document)
    source, answer = cut_out(document, noise, sentinel_ids(SPECIAL))
    assert document == before
    assert restore(source, answer, SPECIAL) == document
    hidden, number = counts(len(document), rate, mean)
    assert len(source) == len(document) - hidden + number
    assert len(answer) == hidden + number + 1
    marks = [t for t in answer if t > LAST]
    assert marks == list(sentinel_ids(SPECIAL)[: number + 1]), "all distinct, in order"


@pytest.mark.parametrize(
    "answer", [[], [E0, 5], [E1, 5, E0], [5, E0, E1], [E0, 5, E1, 6], [E0, E0, E1]]
)
def test_an_answer_to_another_source_is_refused(answer):
    with pytest.raises(PretrainError, match="does not belong to this source"):
        restore([4, E0, 7], answer, SPECIAL)


@given(
    st.lists(documents, min_size=1, max_size=4),
    st.sampled_from(["whole", "pad"]),
    st.sampled_from(["one-stack", "encoder-decoder"]),
    seeds,
)
def test_batches_hold_exactly_the_pairs(texts, strategy, form, seed):
    """Both forms: each document's source and answer restore it; rows stay untouched."""
    rows = rows_of(texts, 24, strategy)
    before = rows.tokens.clone()
    objective = SpanCorruption(form=form)
    batch = objective(rows, WORDS, Counter(seed))
    again = objective(rows, WORDS, Counter(seed))
    assert torch.equal(batch.inputs, again.inputs)
    assert torch.equal(batch.targets, again.targets)
    for b in range(len(rows)):
        own = batch.documents[b]
        number = 0
        for k in range(int(rows.documents[b].max()) + 1):
            text = rows.tokens[b, :-1][rows.documents[b, :-1] == k].tolist()
            text = [t for t in text if t != DOC]
            if len(text) < 2:
                continue
            inputs = batch.inputs[b][own == number].tolist()
            targets = batch.targets[b][own == number].tolist()
            answer = [t for t in targets if t != IGNORE]
            if form == "one-stack":
                at = inputs.index(DOC, 1)
                source, opened = inputs[:at], inputs[at:]
                assert targets[:at] == [IGNORE] * at
            else:
                here = batch.source_documents[b] == number
                source, opened = batch.source[b][here].tolist(), inputs
                assert batch.source_positions[b][here].tolist() == [*range(len(source))]
            assert opened == [DOC, *answer[:-1]]
            assert source[0] == DOC
            assert restore(source[1:], answer, SPECIAL) == text
            positions = batch.positions[b][own == number]
            assert positions.tolist() == [*range(len(inputs))]
            number += 1
        assert (batch.targets[b][own == PADDING] == IGNORE).all()
    batch.targets.fill_(-1)
    assert torch.equal(rows.tokens, before)


def test_rate_and_length_over_a_batch():
    """100 documents of 100 tokens: 15 noise tokens in 5 spans each, exactly."""
    random = np.random.default_rng(0)
    rows = rows_of(random.integers(FIRST, LAST + 1, (100, 100)).tolist(), 102, "pad")
    batch = SpanCorruption()(rows, WORDS, generator())
    assert batch.count == 100 * (15 + 5 + 1)
    sentinels = batch.targets >= SPECIAL.first_extra
    assert sentinels.sum() == 100 * 6


def test_the_draw_does_not_depend_on_the_neighbors():
    short, long = [*range(4, 14)], [*range(4, 30)]
    both = rows_of([short, long], 30, "pad")
    together = SpanCorruption()(both, WORDS, RowByRow([5, 6]))
    alone = SpanCorruption()(rows_of([short], 12, "pad"), WORDS, RowByRow([5]))
    size = alone.inputs.shape[1]
    assert torch.equal(together.inputs[:1, :size], alone.inputs)


# -- who sees whom, in one stack ------------------------------------------------------


def test_one_stack_does_not_leak_and_the_test_fails_without_the_mask():
    batch = SpanCorruption()(rows_of([[*range(4, 12)], [*range(9, 15)]], 16), WORDS,
                             generator())  # fmt: skip
    config = ModelConfig(WORDS.vocab_size, width=32, depth=2, heads=2, context=64)
    model = redraw(Transformer(config)).eval()
    pattern = batch.attention
    assert not leaks(model, batch.inputs, pattern, pattern, batch.positions)
    loose = same_document(batch.documents)
    assert leaks(model, batch.inputs, loose, pattern, batch.positions)
    seen = pattern.mask(batch.inputs.shape[1])[0]
    for t in batch.scored[0].nonzero()[:, 0].tolist():
        assert not seen[t, t + 1 :].any(), "a scored position sees nothing to its right"


@torch.no_grad()
@pytest.mark.parametrize("form", ["one-stack", "encoder-decoder"])
def test_packed_documents_lose_as_they_do_alone(form):
    """A row of three documents has the losses of three rows; so do micro-batches.

    float32 sums over rows of other lengths: 1e-4 relative.
    """
    texts = [[*range(4, 12)], [*range(9, 15)], [*range(20, 33)]]
    objective = SpanCorruption(form=form)
    sizes = dict(width=32, depth=2, heads=2, context=64)
    kind = ModelConfig if form == "one-stack" else EncoderDecoderConfig
    model = redraw(kind(WORDS.vocab_size, **sizes).build()).eval()
    lots = np.random.default_rng(0).random((40, 1))
    pairs, at = [], 0
    for text in texts:
        own = lots[at : at + len(text)]
        pairs.append(objective.rewrite(text, own, True, WORDS))
        at += len(text)
    join = one_stack if form == "one-stack" else two_stacks
    packed = objective.loss(model, join([pairs], DOC, PAD))
    alone = join([[pair] for pair in pairs], DOC, PAD)
    whole = objective.loss(model, alone)
    parts = [objective.loss(model, part) for part in alone.split(2)]
    assert packed.count == whole.count == sum(part.count for part in parts)
    torch.testing.assert_close(packed.sum, whole.sum, rtol=1e-4, atol=0)
    torch.testing.assert_close(sum(p.sum for p in parts), whole.sum, rtol=1e-4, atol=0)
    # Without document numbers they see each other, and the loss is another.
    loose = replace(
        join([pairs], DOC, PAD), attention=causal(),
        documents=torch.zeros_like(join([pairs], DOC, PAD).documents),
    )  # fmt: skip
    if form == "encoder-decoder":
        everything = torch.zeros_like(loose.source_documents)
        loose = replace(loose, source_documents=everything)
    assert abs(objective.loss(model, loose).sum - packed.sum) > 0.1


# -- training, and what is refused ----------------------------------------------------

TINY = Budget(tokens=4 * 4 * 64, rows=4, length=64, evaluations=2, held_out=8)


def configuration(form, corpus):
    sizes = dict(vocab_size=corpus.tokenizer.vocab_size, width=16, heads=2)
    if form == "one-stack":
        return ModelConfig(depth=1, **sizes)
    return EncoderDecoderConfig(depth=1, decoder_depth=1, **sizes)


@pytest.mark.parametrize("form", ["one-stack", "encoder-decoder"])
def test_it_trains_and_resumes_bit_for_bit(form, tmp_path):
    objective = SpanCorruption(form=form)
    corpus = WithTokens(Microworld(), objective.extra_tokens)
    how = dict(device="cpu", progress=False)
    budget = replace(TINY, checkpoints=4, micro_batches=2)
    config = configuration(form, corpus)
    whole = fit(config, objective, corpus, budget, run_dir=tmp_path / "a", **how)
    assert len(whole.log.records) == 4 and math.isfinite(whole.eval_loss)

    def stop(model, record):
        if record["step"] == 2:
            raise KeyboardInterrupt

    # A checkpoint is written after the evaluation: the run goes on from step 1.
    with pytest.raises(KeyboardInterrupt):
        fit(config, objective, corpus, budget, run_dir=tmp_path / "b",
            after_evaluation=stop, **how)  # fmt: skip
    resumed = fit(config, objective, corpus, budget, run_dir=tmp_path / "b", **how)
    ours, theirs = resumed.model.state_dict(), whole.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert resumed.log.column("loss") == whole.log.column("loss")


def test_every_model_is_scored_alike():
    corpus = WithTokens(Microworld(), sentinel_names(32))
    one = evaluation_set(corpus, SpanCorruption(0.5, 5.0), 20)
    other = evaluation_set(corpus, SpanCorruption(0.15, 3.0), 20)
    for ours, theirs in zip(one.batches, other.batches, strict=True):
        assert torch.equal(ours.inputs, theirs.inputs)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SpanCorruption(rate=1.5), "above 0 and below 1"),
        (lambda: SpanCorruption(rate=0.0), "above 0 and below 1"),
        (lambda: SpanCorruption(rate=math.nan), "above 0 and below 1"),
        (lambda: SpanCorruption(mean_span=0.5), "give 1 or more"),
        (lambda: SpanCorruption(mean_span=math.nan), "give 1 or more"),
        (lambda: SpanCorruption(sentinels=1), "one span needs two"),
        (lambda: SpanCorruption(form="two"), "choose 'one-stack'"),
        (lambda: counts(1, 0.15, 3.0), "give two or more"),
        (lambda: lengths(2), "give 3 or more"),
        (
            lambda: SpanCorruption()(rows_of([[4]], 3), WORDS, generator()),
            "give longer documents",
        ),
        (
            lambda: SpanCorruption()(rows_of([[4, 5]]), PLAIN, generator()),
            "has no token <extra_0>",
        ),
        (
            lambda: SpanCorruption(0.5, 1.0)(
                rows_of([[4] * 90], 100), WORDS, generator()
            ),
            "needs 46 sentinels and the tokenizer has 32",
        ),
    ],
)
def test_errors(make, message):
    with pytest.raises(PretrainError, match=message):
        make()


def test_the_wrong_model_is_refused():
    rows = rows_of([[*range(4, 12)]])
    config = ModelConfig(WORDS.vocab_size, width=16, depth=1, heads=2)
    pairs = SpanCorruption(form="encoder-decoder")
    with pytest.raises(PretrainError, match="build it with EncoderDecoderConfig"):
        pairs.loss(config.build(), pairs(rows, WORDS, generator()))
    two = EncoderDecoderConfig(WORDS.vocab_size, width=16, depth=1, heads=2)
    single = SpanCorruption()
    with pytest.raises(PretrainError, match="needs a source to read"):
        single.loss(two.build(), single(rows, WORDS, generator()))
