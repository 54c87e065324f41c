"""Evaluation: what is scored, how it is summed, and what stands at the floor.

Held against sums by hand, exact probabilities of the hidden Markov language, and a
bootstrap.
"""

import math

import numpy as np
import pytest
import torch

from pretrain import tokens
from pretrain.corpora.document import Document
from pretrain.corpora.markov import weather
from pretrain.errors import EmptyCorpusError, EmptyLossError, PretrainError
from pretrain.evaluation import likelihood
from pretrain.evaluation.likelihood import (
    Estimate,
    Score,
    evaluate,
    evaluation_set,
    excess,
    floor,
    prepare,
    ratio,
    scored_tokens,
)
from pretrain.losses import token_losses
from pretrain.model import ModelConfig, Transformer, redraw
from pretrain.objectives import Causal, Masked

WORDS = tokens.words([f"w{i}" for i in range(40)])
SPECIAL = WORDS.special
WEATHER = weather()
OBJECTIVES = pytest.mark.parametrize(
    "objective", [Causal(), Masked(0.3)], ids=["causal", "masked"]
)


def documents_of(*lengths: int, seed: int = 0) -> list[Document]:
    random = np.random.default_rng(seed)
    rows = [tuple(random.integers(4, WORDS.vocab_size, n).tolist()) for n in lengths]
    return [Document(row, WORDS.decode(row)) for row in rows]


def small_model(vocab_size: int = WORDS.vocab_size) -> Transformer:
    config = ModelConfig(vocab_size, width=16, depth=2, heads=2, context=128)
    return redraw(Transformer(config), 1)


# -- what is scored -------------------------------------------------------------------


@pytest.mark.parametrize("length", [2, 3, 7, 8, 9, 128])
def test_a_causal_set_scores_every_token_exactly_once(length):
    """Documents shorter than, as long as, and much longer than a window."""
    documents = documents_of(1, 6, 7, 8, 9, 16, 50)
    held_out = prepare(documents, WORDS, Causal(), length)
    for document, scored in zip(documents, scored_tokens(held_out), strict=True):
        assert scored.tolist() == list(range(len(document.tokens) + 1))


@pytest.mark.parametrize("length", [2, 7, 128])
@OBJECTIVES
def test_scored_tokens_are_what_the_batches_score(objective, length):
    """The targets themselves, looked up in the documents."""
    documents = documents_of(1, 6, 7, 8, 50, 3)
    held_out = prepare(documents, WORDS, objective, length)
    seen = [[] for _ in documents]
    for batch, origin in zip(held_out.batches, held_out.origins, strict=True):
        for row, (index, _) in enumerate(origin):
            seen[index] += batch.targets[row][batch.scored[row]].tolist()
    for document, scored, found in zip(
        documents, scored_tokens(held_out), seen, strict=True
    ):
        ids = [*document.tokens, SPECIAL.doc]
        assert len(set(scored.tolist())) == len(scored), "at most once"
        assert sorted(ids[i] for i in scored) == sorted(found)


def test_a_masked_set_hides_fifteen_percent_of_each_window():
    documents = documents_of(1, 5, 10, 20, 100, 60)
    held_out = prepare(documents, WORDS, Masked(0.5), 40)
    expected = [
        sum(
            max(1, round(0.15 * len(ids)))
            # Windows of 40 positions over <doc> and the tokens.
            for ids in [
                [t for t in [None, *range(n)][start : start + 40] if t is not None]
                for start in range(0, n + 1, 40)
            ]
        )
        for n in (1, 5, 10, 20, 100, 60)
    ]
    assert [len(scored) for scored in scored_tokens(held_out)] == expected
    for batch in held_out.batches:
        assert (batch.inputs[batch.scored] == SPECIAL.mask).all()


@OBJECTIVES
def test_a_set_depends_on_neither_batching_nor_the_other_documents(
    objective, monkeypatch
):
    """The rounding of float32 in batches of other shapes stays below 1e-4 nats."""
    documents = documents_of(*range(1, 90, 3))
    model = small_model()
    held_out = prepare(documents, WORDS, objective, 32)
    places, score = scored_tokens(held_out), evaluate(model, held_out)

    for rows in (1, 3, 1000):
        monkeypatch.setattr(likelihood, "ROWS", rows)
        other = prepare(documents, WORDS, objective, 32)
        assert len(other.batches) == -(-sum(map(len, held_out.origins)) // rows)
        for one, two in zip(places, scored_tokens(other), strict=True):
            np.testing.assert_array_equal(one, two)
        found = evaluate(model, other)
        np.testing.assert_array_equal(found.counts, score.counts)
        np.testing.assert_allclose(found.nats, score.nats, rtol=1e-5, atol=1e-4)

    some = [20, 3, 29]
    part = prepare([documents[i] for i in some], WORDS, objective, 32)
    for index, scored in zip(some, scored_tokens(part), strict=True):
        np.testing.assert_array_equal(places[index], scored)
    found = evaluate(model, part)
    np.testing.assert_allclose(found.nats, score.nats[some], rtol=1e-5, atol=1e-4)


def test_masked_windows_are_hidden_in_different_places():
    places = scored_tokens(prepare(documents_of(*[40] * 50), WORDS, Masked(), 64))
    assert len({tuple(scored) for scored in places}) > 45


@OBJECTIVES
def test_evaluation_repeats_exactly(objective):
    scores = []
    for _ in range(2):
        held_out = evaluation_set(WEATHER, objective, n=40)
        scores.append(evaluate(small_model(WEATHER.tokenizer.vocab_size), held_out))
    np.testing.assert_array_equal(scores[0].nats, scores[1].nats)


# -- sums before means ----------------------------------------------------------------


@OBJECTIVES
@torch.no_grad()
def test_scores_are_sums_over_the_tokens_of_each_document(objective):
    documents = documents_of(3, 11, 7)
    model = small_model().eval()
    score = evaluate(model, prepare(documents, WORDS, objective, 64))
    for index, document in enumerate(documents):
        (batch,) = prepare([document], WORDS, objective, 64).batches
        logits = model(batch.inputs, batch.attention, batch.positions)
        nats = token_losses(logits, batch.targets).sum().item()
        assert score.nats[index] == pytest.approx(nats, rel=1e-5)
        assert score.counts[index] == batch.scored.sum()


def test_the_mean_is_one_sum_over_one_count():
    score = Score(np.array([2.0, 30.0]), np.array([1, 9]))
    assert score.mean == 3.2  # a mean of means would be (2 + 30/9) / 2 = 2.67
    assert score.perplexity == pytest.approx(math.exp(3.2))


def test_bits_per_byte_by_hand():
    """2 documents, 3 + 6 bytes of UTF-8, 18 ln 2 nats: 18 bits over 9 bytes."""
    documents = [Document((4,), "abc"), Document((5, 6), "é né")]
    assert [d.bytes for d in documents] == [3, 6]
    score = Score(np.array([6.0, 12.0]) * math.log(2), np.array([2, 3]))
    assert score.bits_per_byte(documents) == pytest.approx(2.0)


def test_bits_per_byte_need_every_token():
    documents = documents_of(10, 20)
    held_out = prepare(documents, WORDS, Masked())
    with pytest.raises(PretrainError, match=r"every token scored: 5 of 32 are"):
        evaluate(small_model(), held_out).bits_per_byte(documents)


def test_bits_per_byte_need_text():
    with pytest.raises(PretrainError, match="holds no bytes"):
        Score(np.ones(1), np.ones(1)).bits_per_byte([Document((), "")])


@pytest.mark.parametrize("training", [True, False])
def test_evaluating_happens_in_evaluation_mode_and_leaves_the_mode(training):
    held_out = prepare(documents_of(10, 20), WORDS, Causal())

    class Dropping(Transformer):
        def hidden(self, *args, **kwargs):
            found = super().hidden(*args, **kwargs)
            return torch.nn.functional.dropout(found, 0.5, self.training)

    model = redraw(Dropping(small_model().config), 1).train(training)
    found = evaluate(model, held_out)
    assert model.training is training
    np.testing.assert_array_equal(found.nats, evaluate(small_model(), held_out).nats)
    assert all(p.grad is None for p in model.parameters())


def test_the_mode_is_restored_after_an_error():
    model = small_model().train()
    held_out = prepare(documents_of(200), WORDS, Causal(), 190)  # context is 128
    with pytest.raises(PretrainError):
        evaluate(model, held_out)
    assert model.training


# -- the floor ------------------------------------------------------------------------


class Oracle(torch.nn.Module):
    """A model that knows the truth: p(word | what it is shown) by brute recursion.

    It multiplies matrices of the language itself, one row of the batch at a time,
    and shares no code with the corpus's own recursions. Its logits are log p.
    """

    def __init__(self, language, causal: bool) -> None:
        super().__init__()
        self.anything = torch.nn.Parameter(torch.zeros(1))  # says where it lives
        self.language, self.causal = language, causal

    def logits(self, hidden):
        return hidden

    def hidden(self, inputs, attention, positions):
        found = [self._row(row) for row in inputs.tolist()]
        return torch.tensor(np.array(found), dtype=torch.float64).log()

    def _row(self, row: list[int]) -> np.ndarray:
        special, language = self.language.tokenizer.special, self.language
        p = np.zeros((len(row), language.tokenizer.vocab_size))
        words = [t for t in row[1:] if t not in (special.pad, special.doc)]
        A, E, stop = language.transition, language.emission, language.stop
        seen = [
            np.ones(len(A)) if t == special.mask else E[:, t - special.reserved]
            for t in words
        ]
        n = len(words)
        if self.causal:
            state = language.initial / language.initial.sum()
            p[0, special.reserved :] = state @ E
            for t in range(n):
                state = state * seen[t]
                state /= state.sum()
                full = t + 1 == language.max_length
                p[t + 1, special.doc] = 1.0 if full else state @ stop
                state = (state * (1 - stop)) @ A  # sums to the chance to go on
                p[t + 1, special.reserved :] = 0.0 if full else state @ E
            return p
        after = np.ones((n, len(A)))
        for t in reversed(range(n - 1)):
            after[t] = A @ (seen[t + 1] * after[t + 1])
        state = language.initial
        for t in range(n):
            weights = state * after[t]
            p[t + 1, special.reserved :] = weights / weights.sum() @ E
            state = (state * seen[t]) @ A
        return p


@pytest.mark.parametrize("causal", [True, False], ids=["causal", "masked"])
def test_a_model_that_knows_the_truth_stands_exactly_at_the_floor(causal):
    """Excess 0 in every document, to float64 rounding of at most 97 logarithms."""
    held_out = evaluation_set(WEATHER, Causal() if causal else Masked(), n=150)
    score = evaluate(Oracle(WEATHER, causal), held_out)
    best = floor(WEATHER, held_out)
    np.testing.assert_allclose(score.nats, best, rtol=0, atol=1e-10)
    found = excess(score, best)
    assert abs(found.value) < 1e-12
    assert found.error < 1e-12
    assert best.min() > 0


@OBJECTIVES
def test_a_model_that_knows_nothing_stands_above_the_floor(objective):
    held_out = evaluation_set(WEATHER, objective, n=100)
    score = evaluate(small_model(WEATHER.tokenizer.vocab_size), held_out)
    found = excess(score, floor(WEATHER, held_out))
    assert found.value > 0.5 and found.interval[0] > 0.4


def test_the_floor_is_paired_document_by_document():
    documents = WEATHER.heldout("validation", 20)
    held_out = prepare(documents, WEATHER.tokenizer, Causal())
    expected = [-WEATHER.log_prob(d.tokens) for d in documents]
    np.testing.assert_allclose(floor(WEATHER, held_out), expected, rtol=1e-12)


@OBJECTIVES
def test_no_floor_is_made_up(objective):
    class Plain:
        name = "plain text"

    held_out = prepare(documents_of(5, 6), WORDS, objective)
    with pytest.raises(PretrainError, match="plain text knows no exact"):
        floor(Plain(), held_out)


# -- the error of a ratio -------------------------------------------------------------


def test_the_standard_error_is_the_bootstraps():
    """Documents of unequal length, losses that go with the length: no plain mean.

    4000 resamples know their own spread to 1.1 %, and linearization is good to the
    order 1/n = 0.3 %: 5 % is more than four times both.
    """
    random = np.random.default_rng(0)
    counts = random.integers(1, 60, 300)
    totals = counts * (2 + 0.02 * counts) + random.normal(0, np.sqrt(counts))
    picks = random.integers(0, 300, (4000, 300))
    resampled = totals[picks].sum(1) / counts[picks].sum(1)
    found = ratio(totals, counts)
    assert found.value == pytest.approx(totals.sum() / counts.sum(), rel=1e-12)
    assert found.error == pytest.approx(resampled.std(), rel=0.05)
    # Tokens taken for independent, the error would be far too small.
    assert np.std(totals / counts) / math.sqrt(counts.sum()) < 0.5 * found.error


def test_of_equal_counts_it_is_the_standard_error_of_a_mean():
    totals = np.array([1.0, 2.0, 4.0, 9.0])
    found = ratio(totals, np.full(4, 2))
    assert found.value == 2.0
    assert found.error == pytest.approx(np.std(totals / 2, ddof=1) / 2, rel=1e-12)


def test_one_document_has_no_standard_error():
    assert math.isnan(ratio(np.array([3.0]), np.array([2])).error)


@pytest.mark.parametrize("n", [0, 2])
def test_nothing_scored_has_no_ratio(n):
    with pytest.raises(EmptyLossError, match="nothing was scored"):
        ratio(np.zeros(n), np.zeros(n))


def test_an_estimate_says_what_it_is():
    found = Estimate(0.5, 0.1)
    assert found.interval == pytest.approx((0.304, 0.696))
    assert str(found) == "0.5000 ± 0.1960"


# -- bad input ------------------------------------------------------------------------


def test_an_empty_split_says_so():
    class Empty:
        name, tokenizer = "nothing", WORDS

        def heldout(self, split="validation", n=None):
            return []

    with pytest.raises(EmptyCorpusError, match="validation split of nothing holds no"):
        evaluation_set(Empty(), Causal())


def test_fewer_documents_than_asked_for_are_all_of_them():
    small = weather(size=5)
    assert len(evaluation_set(small, Causal(), n=300).documents) == 5


@pytest.mark.parametrize("length", [1, 0, -5])
def test_windows_that_are_too_short(length):
    with pytest.raises(PretrainError, match="give a length of 2 or more"):
        prepare(documents_of(5), WORDS, Causal(), length)


def test_documents_with_nothing_to_hide_are_left_out(monkeypatch):
    """Sorted by length, they fill whole batches, which no objective could mask."""
    monkeypatch.setattr(likelihood, "ROWS", 2)
    documents = [*documents_of(0, 0, 9, 0), Document((SPECIAL.unk,), "?")]
    held_out = prepare(documents, WORDS, Masked())
    score = evaluate(small_model(), held_out)
    assert score.counts.tolist() == [0, 0, 1, 0, 0]
    assert [len(scored) for scored in scored_tokens(held_out)] == [0, 0, 1, 0, 0]
    causal = evaluate(small_model(), prepare(documents, WORDS, Causal()))
    assert causal.counts.tolist() == [1, 1, 10, 1, 2]


def test_nothing_to_hide_at_all_says_so():
    with pytest.raises(EmptyCorpusError, match="no ordinary token"):
        prepare(documents_of(0, 0), WORDS, Masked())
