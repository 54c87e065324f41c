"""The masked objective: shares, counts and words, all that randomness may touch.

Held against plain loops, exact counts, and chi-square and binomial bounds. Random
checks have fixed seeds, so that a bound is met or it is not.
"""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from small_rows import (
    DOC,
    FIRST,
    MASK,
    SIZE,
    SPECIAL,
    WORDS,
    corpora,
    random_rows,
    rows_of,
    strategies,
)

from pretrain import tokens
from pretrain.losses import IGNORE
from pretrain.objectives import Masked
from pretrain.packing import pack, rows_from
from pretrain.random import Counter, RowByRow, generator_for

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
