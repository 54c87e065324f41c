"""The objectives: what is read, what is scored, who may look where.

Held against plain loops, exact counts, and chi-square and binomial bounds. Random
checks have fixed seeds, so that a bound is met or it is not.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pretrain import tokens
from pretrain.attention import full
from pretrain.batch import PADDING, Rows
from pretrain.errors import PretrainError
from pretrain.losses import IGNORE, cross_entropy, token_losses
from pretrain.model import ModelConfig, Transformer, redraw
from pretrain.objectives import Causal, Masked
from pretrain.objectives.masked import ALL_MASK, BERT_SPLIT
from pretrain.packing import pack, rows_from
from pretrain.random import Counter, RowByRow, generator_for

WORDS = tokens.words([f"w{i}" for i in range(50)])
SPECIAL = WORDS.special
PAD, DOC, MASK = SPECIAL.pad, SPECIAL.doc, SPECIAL.mask
FIRST, SIZE = SPECIAL.reserved, WORDS.vocab_size

corpora = st.lists(
    st.lists(st.integers(FIRST, SIZE - 1), min_size=1, max_size=12),
    min_size=1,
    max_size=6,
)
strategies = st.sampled_from(["whole", "concat", "pad"])


def rows_of(documents, length=8, strategy="whole") -> Rows:
    return rows_from(list(pack(documents, SPECIAL, length, strategy)), SPECIAL)


def random_rows(rows: int, length: int, seed: int = 0, tokenizer=WORDS) -> Rows:
    """Rows of one document each, full of random ordinary tokens."""
    random = np.random.default_rng(seed)
    low, high = tokenizer.special.reserved, tokenizer.vocab_size
    drawn = random.integers(low, high, (rows, length)).tolist()
    return rows_from([[DOC, *row] for row in drawn], tokenizer.special)


# -- causal ---------------------------------------------------------------------------


def test_causal_by_hand():
    rows = rows_from([[DOC, 4, 5, DOC, 6, DOC, PAD, PAD]], SPECIAL)
    batch = Causal()(rows)
    assert batch.inputs.tolist() == [[DOC, 4, 5, DOC, 6, DOC, PAD]]
    #         the first word is predicted from <doc>, and <doc> from the last word
    assert batch.targets.tolist() == [[4, 5, DOC, 6, DOC, IGNORE, IGNORE]]
    assert batch.positions.tolist() == [[0, 1, 2, 0, 1, 0, 0]]
    assert batch.documents.tolist() == [[0, 0, 0, 1, 1, 2, PADDING]]


@given(corpora, st.integers(2, 10), strategies)
def test_causal_targets_are_the_next_tokens_and_never_padding(
    documents, length, strategy
):
    rows = rows_of(documents, length, strategy)
    batch = Causal()(rows)
    for b, row in enumerate(rows.tokens.tolist()):
        for t in range(length):
            follows = row[t + 1]
            expected = IGNORE if follows == PAD else follows
            assert batch.targets[b, t] == expected
            assert batch.inputs[b, t] == row[t]


@given(corpora, strategies, st.booleans())
def test_objectives_leave_the_rows_as_they_are(documents, strategy, masked):
    rows = rows_of(documents, 8, strategy)
    before = [t.clone() for t in (rows.tokens, rows.documents, rows.positions)]
    objective = Masked(0.5) if masked else Causal()
    batch = objective(rows, WORDS, torch.Generator().manual_seed(0))
    batch.targets.fill_(-1)  # nor does writing into the targets reach the rows
    after = (rows.tokens, rows.documents, rows.positions)
    assert all(map(torch.equal, before, after))


def small_model(tokenizer=WORDS, **changes) -> Transformer:
    """Random weights in float64: zero-initialized outputs would hide every fault."""
    config = ModelConfig(tokenizer.vocab_size, width=16, depth=2, heads=2, context=32)
    return redraw(Transformer(config), 1).double().eval()


@torch.no_grad()
def test_causal_loss_is_a_loop_over_prefixes():
    """Each token from a run of the model on nothing but what precedes it.

    The sums differ by float64 rounding, and by the rotations, which the model keeps
    in float32: 1e-5 a token.
    """
    model = small_model()
    documents = [[4, 9, 30, 4], [12], [40, 41, 42, 43, 44, 45]]
    batch = Causal()(rows_of(documents, 20))
    logits = model(batch.inputs, batch.attention, batch.positions)
    loss = cross_entropy(logits, batch.targets)
    total, count = 0.0, 0
    for document in documents:
        ids = [DOC, *document, DOC]
        for t in range(1, len(ids)):
            prefix = torch.tensor([ids[:t]])
            log_p = model(prefix)[0, -1].log_softmax(-1)
            total, count = total - log_p[ids[t]].item(), count + 1
    assert loss.count == count == sum(len(d) + 1 for d in documents)
    assert loss.sum.item() == pytest.approx(total, abs=1e-5 * count)
    # It is not the loss of attention across documents, which is what packing risks.
    leaky = Causal(within_documents=False)(rows_of(documents, 20))
    other = model(leaky.inputs, leaky.attention, leaky.positions)
    assert abs(cross_entropy(other, leaky.targets).sum - loss.sum) > 0.1


COUNTED = [[FIRST + i for i in range(12)]]


def says(token_ids: torch.Tensor) -> torch.Tensor:
    """Logits of a model that is all but certain of one token at each position."""
    return 30.0 * torch.nn.functional.one_hot(token_ids, SIZE).double()


def test_a_model_that_has_learned_to_count_shows_a_double_shift():
    batch = Causal()(rows_of(COUNTED, 11))
    counts_on = says((batch.inputs + 1).where(batch.inputs != DOC, FIRST))
    right = token_losses(counts_on, batch.targets)
    assert right.max() < 1e-10
    # Shifted once more (as when a model with a shift inside is given our targets).
    double = cross_entropy(counts_on[:, :-1], batch.targets[:, 1:])
    assert double.mean() > 29
    # And with no shift at all it looks as if it had learned nothing.
    assert cross_entropy(counts_on, batch.inputs).mean() > 29


def test_without_the_shift_a_copy_is_rewarded():
    batch = Causal()(rows_of(COUNTED, 11))
    copies = says(batch.inputs)
    assert cross_entropy(copies, batch.inputs).mean() < 1e-10, "no shift: a copy wins"
    assert cross_entropy(copies, batch.targets).mean() > 29, "with it, it does not"


def test_with_full_attention_the_answer_can_be_read():
    """One that may look right copies its target; under the causal pattern it cannot."""
    batch = Causal()(rows_of(COUNTED, 11))
    T = batch.inputs.shape[1]

    def copies_its_right_neighbor(pattern):
        seen = pattern.mask(T)[0]
        shown = batch.inputs.roll(-1, 1)
        shown[:, -1] = DOC
        looks = seen.diagonal(1)  # may position t see t + 1?
        return says(shown.where(torch.cat([looks, looks[:1]]), DOC))

    cheat = token_losses(copies_its_right_neighbor(full()), batch.targets)
    honest = token_losses(copies_its_right_neighbor(batch.attention), batch.targets)
    assert cheat[0, :-1].max() < 1e-10
    assert honest[0, :-1].min() > 29


def test_a_causal_row_of_one_token_is_an_error():
    with pytest.raises(PretrainError, match="needs two tokens or more"):
        Causal()(rows_from([[DOC]], SPECIAL))


# -- masked: what is chosen -----------------------------------------------------------


@pytest.mark.parametrize("rate", [0.1, 0.15, 0.3, 0.5])
@pytest.mark.parametrize("exact", [False, True], ids=["drawn", "exact"])
def test_masked_shares_are_those_of_the_split(rate, exact):
    """The 80/10/10 of the chosen, within one point, over 100k tokens or more.

    At least 100k *chosen* tokens, so a share's standard error is 0.13 points or less:
    one point is more than seven of them.
    """
    rows = random_rows(math.ceil(101_000 / rate / 127), 128)
    tokens_ = rows.tokens[:, :-1]
    batch = Masked(rate, exact=exact)(rows, WORDS, torch.Generator().manual_seed(1))
    scored = batch.scored
    n = int(scored.sum())
    assert n >= 100_000
    to_mask = (batch.inputs == MASK)[scored].double().mean().item()
    changed = (batch.inputs != tokens_)[scored].double().mean().item()
    # One random token in W is the original again, and looks unchanged.
    to_random = (changed - to_mask) / (1 - 1 / (SIZE - FIRST))
    assert abs(to_mask - 0.8) < 0.01
    assert abs(to_random - 0.1) < 0.01
    assert abs(1 - to_mask - to_random - 0.1) < 0.01
    ordinary = int((tokens_ >= FIRST).sum())
    # Four standard errors of a share of that many draws (none, where it is exact;
    # rounding each row moves the share by at most half a token in 127).
    bound = 0.5 / 127 if exact else 4 * math.sqrt(rate * (1 - rate) / ordinary)
    assert abs(n / ordinary - rate) < bound


@pytest.mark.parametrize("split", [(0.8, 0.1, 0.1), (0.0, 1.0, 0.0), (0.5, 0.5, 0.0)])
def test_random_replacements_are_uniform_over_ordinary_tokens(split):
    """Chi-square over the W ordinary tokens; p < 1e-4 would be a fault."""
    rows = rows_from([[DOC, *[FIRST] * 200]] * 2000, SPECIAL)
    batch = Masked(0.5, split)(rows, WORDS, torch.Generator().manual_seed(2))
    shown = batch.inputs[batch.scored & (batch.inputs != MASK)]
    counts = torch.bincount(shown, minlength=SIZE)
    assert not counts[:FIRST].any(), "never a special token"
    # The original, w0, is also what an unchanged token shows, so it is left out.
    others = counts[FIRST + 1 :].numpy()
    expected = int(batch.scored.sum()) * split[1] / (SIZE - FIRST)
    assert stats.chisquare(others).pvalue > 1e-4
    assert abs(others.mean() - expected) < 5 * math.sqrt(expected / len(others))


@given(corpora, strategies, st.floats(0.01, 1.0), st.booleans(), st.booleans())
def test_what_masking_may_touch(documents, strategy, rate, exact, whole_words):
    rows = rows_of(documents, 8, strategy)
    original = rows.tokens[:, :-1]
    masked = Masked(rate, exact=exact, whole_words=whole_words)
    batch = masked(rows, WORDS, torch.Generator().manual_seed(7))
    scored = batch.scored
    assert scored.any(), "never an empty mask"
    assert (original[scored] >= FIRST).all(), "no special token, no padding"
    assert torch.equal(batch.targets[scored], original[scored])
    assert (batch.targets[~scored] == IGNORE).all()
    assert torch.equal(batch.inputs[~scored], original[~scored])
    shown = batch.inputs[scored]
    assert ((shown == MASK) | (shown >= FIRST)).all()


def test_never_an_empty_mask():
    """Rows of one ordinary token at rate 0.01: all but 1 % of them need the rescue."""
    rows = rows_of([[9]], 4, "pad")
    for seed in range(3000):
        batch = Masked(0.01)(rows, WORDS, torch.Generator().manual_seed(seed))
        assert batch.targets.tolist() == [[IGNORE, 9, IGNORE, IGNORE]]


@pytest.mark.parametrize("length", [3, 5, 10])
def test_plain_independent_draws_do_give_empty_masks(length):
    """At rate 0.15, L tokens draw none with probability 0.85^L: 20 % at L = 10.

    Independent rows of one batch show it: only the batch as a whole is rescued. The
    bound is four standard errors of a share of 4000 rows.
    """
    expected = 0.85**length
    rows = random_rows(4000, length + 1)  # the last column is not read
    batch = Masked(0.15)(rows, WORDS, torch.Generator().manual_seed(3))
    empty = (~batch.scored.any(1)).double().mean().item()
    assert abs(empty - expected) < 4 * math.sqrt(expected * (1 - expected) / 4000)
    # Each of these rows alone, as a batch of its own, has something to score.
    for b in range(200):
        alone = Masked(0.15)(rows[b : b + 1], WORDS, generator_for(b))
        assert alone.scored.any()


@pytest.mark.parametrize("rate", [0.01, 0.15, 0.35, 0.5, 1.0])
def test_the_exact_count_is_exact(rate):
    documents = [[FIRST] * n for n in range(1, 121)]
    rows = rows_of(documents, 121, "pad")
    batch = Masked(rate, exact=True)(rows, WORDS, torch.Generator().manual_seed(4))
    expected = [max(1, round(rate * n)) for n in range(1, 121)]
    assert batch.scored.sum(1).tolist() == expected


def test_an_exact_choice_is_uniform_over_positions():
    """10 of 40 tokens in 4000 rows: each position 1000 times, chi-square p > 1e-4.

    (Choices without replacement vary less than a chi-square expects, by 3/4.)
    """
    rows = rows_from([[DOC, *[FIRST] * 41]] * 4000, SPECIAL)
    batch = Masked(0.25, exact=True)(rows, WORDS, torch.Generator().manual_seed(5))
    counts = batch.scored.sum(0)[1:].double()
    statistic = ((counts - 1000) ** 2 / 1000).sum().item() / 0.75
    assert 1e-4 < stats.chi2.sf(statistic, 39) < 1 - 1e-4


# -- masked: whole words --------------------------------------------------------------

TEXT = (
    "Underwater photographers photograph unphotographed waterfalls, waterproof "
    "notebooks and an extraordinarily photogenic underdog on the water's edge. "
) * 3
BPE = tokens.byte_bpe([TEXT], 300)


def words_of(row: list[int]) -> list[list[int]]:
    """Positions of each word, by a plain loop: a word starts at white space."""
    found = []
    for t, token in enumerate(row):
        if token < FIRST:
            found.append([])  # a special token ends a word
        elif not found or BPE.is_word_start[token] or not found[-1]:
            found.append([t])
        else:
            found[-1].append(t)
    return [word for word in found if word]


@pytest.mark.parametrize("exact", [False, True], ids=["drawn", "exact"])
def test_words_are_chosen_whole_or_not_at_all(exact):
    document = BPE.encode(TEXT)
    rows = rows_from(list(pack([document] * 60, SPECIAL, 100, "concat")), SPECIAL)
    split_words, chosen_words = 0, 0
    masked = Masked(0.3, exact=exact, whole_words=True)
    batch = masked(rows, BPE, torch.Generator().manual_seed(6))
    for row, scored in zip(
        rows.tokens[:, :-1].tolist(), batch.scored.tolist(), strict=True
    ):
        words = words_of(row)
        longest = max(map(len, words))
        for word in words:
            assert len({scored[t] for t in word}) == 1, "all pieces or none"
            split_words += len(word) > 1
            chosen_words += scored[word[0]]
        if exact:
            wanted = round(0.3 * sum(map(len, words)))
            assert wanted <= sum(scored) < wanted + longest
    assert split_words > 1000, "words of one piece would prove nothing"
    assert chosen_words > 300


def test_without_the_option_words_are_split():
    document = BPE.encode(TEXT)
    rows = rows_from(list(pack([document], SPECIAL, 100, "concat")), SPECIAL)
    batch = Masked(0.3)(rows, BPE, torch.Generator().manual_seed(6))
    scored = batch.scored[0].tolist()
    words = words_of(rows.tokens[0, :-1].tolist())
    assert any(len({scored[t] for t in word}) == 2 for word in words)


def test_words_do_not_run_across_documents():
    """Two documents that begin in the middle of a word, as far as spelling goes."""
    inside = BPE.encode("water")
    assert not BPE.is_word_start[inside[0]]
    rows = rows_from([[DOC, *inside, DOC, *inside, DOC]] * 400, SPECIAL)
    masked = Masked(0.5, whole_words=True)
    scored = masked(rows, BPE, torch.Generator().manual_seed(8)).scored
    first, second = scored[:, 1], scored[:, 2 + len(inside)]
    # Independent draws agree half the time; 0.1 is four standard errors of 400 rows.
    assert abs((first == second).double().mean() - 0.5) < 0.1


# -- masked: randomness ---------------------------------------------------------------


@pytest.mark.parametrize(
    "generator",
    [
        lambda seed: torch.Generator().manual_seed(seed),
        Counter,
        lambda seed: RowByRow([seed * 100 + b for b in range(8)]),
    ],
    ids=["torch", "counter", "row by row"],
)
@pytest.mark.parametrize("exact", [False, True], ids=["drawn", "exact"])
def test_the_same_generator_gives_the_same_batch_and_another_another(generator, exact):
    rows = random_rows(8, 40)
    masked = Masked(0.3, exact=exact)
    one, two, other = (masked(rows, WORDS, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.inputs, two.inputs)
    assert torch.equal(one.targets, two.targets)
    assert not torch.equal(one.targets, other.targets)
    rows_differ = {tuple(row) for row in one.scored.tolist()}
    assert len(rows_differ) == 8, "every row has draws of its own"


def test_masking_leaves_the_global_generator_alone():
    rows = random_rows(2, 10)
    state = torch.get_rng_state()
    Masked()(rows, WORDS, torch.Generator().manual_seed(0))
    assert torch.equal(state, torch.get_rng_state())


# -- attention ------------------------------------------------------------------------


def seen_by_a_loop(batch, causal: bool, apart: bool) -> torch.Tensor:
    B, T = batch.inputs.shape
    seen = torch.zeros(B, T, T, dtype=torch.bool)
    for b in range(B):
        ids = batch.documents[b].tolist()
        for q in range(T):
            for k in range(T):
                text = ids[q] >= 0 and ids[k] >= 0
                same = ids[q] == ids[k] or not apart
                seen[b, q, k] = q == k or (text and same and (k < q or not causal))
    return seen


@pytest.mark.parametrize("strategy", ["whole", "concat", "pad"])
@pytest.mark.parametrize("objective", [Causal(), Masked()], ids=["causal", "masked"])
def test_attention_stays_inside_documents_and_off_padding(objective, strategy):
    documents = [[5, 6], [7], [8, 9, 10, 11, 12], [13, 14, 15]]
    rows = rows_of(documents, 9, strategy)
    batch = objective(rows, WORDS, generator_for(0))
    seen = batch.attention.mask(9).expand(len(rows), 9, 9)
    causal = isinstance(objective, Causal)
    assert torch.equal(seen, seen_by_a_loop(batch, causal, apart=True))
    apart = batch.documents[:, :, None] != batch.documents[:, None, :]
    assert apart.any(), "rows of one document would prove nothing"


@pytest.mark.parametrize("strategy", ["whole", "concat", "pad"])
@pytest.mark.parametrize("objective", [Causal, Masked])
def test_attention_across_documents_still_keeps_off_padding(objective, strategy):
    documents = [[5, 6], [7], [8, 9, 10, 11, 12], [13, 14, 15]]
    rows = rows_of(documents, 9, strategy)
    objective = objective(within_documents=False)
    batch = objective(rows, WORDS, generator_for(0))
    seen = batch.attention.mask(9).expand(len(rows), 9, 9)
    text = batch.documents != PADDING
    expected = seen_by_a_loop(batch, isinstance(objective, Causal), apart=False)
    assert torch.equal(seen[text], expected[text]), "every token sees all other text"


def test_a_row_of_one_document_takes_the_fast_patterns():
    rows = random_rows(2, 10)
    assert Causal()(rows).attention.name == "causal"
    assert Masked()(rows, WORDS, generator_for(0)).attention.name == "full"


def test_evaluation_hides_fifteen_percent_whatever_the_training():
    masked = Masked(0.4, BERT_SPLIT, whole_words=True).for_evaluation()
    assert masked == Masked(0.15, ALL_MASK, exact=True)
    assert Causal().for_evaluation() == Causal()


# -- bad input ------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0, 1.5, -0.1, math.nan, math.inf, -math.inf])
def test_a_rate_that_is_no_share(rate):
    with pytest.raises(PretrainError, match=f"the masking rate is {rate}: give a sha"):
        Masked(rate)


@pytest.mark.parametrize(
    "split",
    [
        (0.8, 0.1, 0.2),
        (0.8, 0.1),
        (1.2, -0.1, -0.1),
        (math.nan, 0.5, 0.5),
        (0.8, 0.1, math.nan),
        (math.inf, 0.0, 0.0),
    ],
)
def test_a_split_that_does_not_sum_to_one(split):
    with pytest.raises(PretrainError, match="three shares ≥ 0 that sum to 1"):
        Masked(0.15, split)


def test_a_tokenizer_without_a_mask():
    blind = tokens.words(["a", "b"], mask=False)
    with pytest.raises(PretrainError, match="has no <mask> token.*mask=True"):
        Masked()(random_rows(2, 5, tokenizer=blind), blind, generator_for(0))


def test_a_causal_model_needs_no_mask():
    blind = tokens.words(["a", "b"], mask=False)
    assert Causal()(random_rows(2, 5, tokenizer=blind), blind).scored.all()


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("whole_words", [False, True])
def test_rows_without_an_ordinary_token(exact, whole_words):
    rows = rows_from([[DOC, DOC, PAD, PAD], [DOC, SPECIAL.unk, DOC, PAD]], SPECIAL)
    masked = Masked(exact=exact, whole_words=whole_words)
    with pytest.raises(PretrainError, match="special tokens only.*nothing to mask"):
        masked(rows, WORDS, generator_for(0))


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("whole_words", [False, True])
def test_one_such_row_among_others_is_left_alone(exact, whole_words):
    rows = rows_from([[DOC, DOC, PAD, PAD], [DOC, 5, 6, DOC]], SPECIAL)
    masked = Masked(exact=exact, whole_words=whole_words)
    batch = masked(rows, WORDS, generator_for(0))
    assert not batch.scored[0].any() and batch.scored[1].any()


def test_masking_warns_of_nothing(recwarn):
    """A warning would land in the built page."""
    rows = random_rows(2, 10)
    for exact in (False, True):
        Masked(exact=exact, whole_words=True)(rows, WORDS, generator_for(0))
    assert not recwarn.list
