"""Our objectives and losses give what the libraries in daily use give.

Held against transformers: the losses of GPT2LMHeadModel and BertForMaskedLM (their
weights drawn at random), DataCollatorForLanguageModeling and
DataCollatorWithFlattening. Nothing is downloaded.
"""

import math

import numpy as np
import pytest
import torch

transformers = pytest.importorskip("transformers")

from pretrain import tokens  # noqa: E402
from pretrain.batch import Rows  # noqa: E402
from pretrain.losses import IGNORE, cross_entropy  # noqa: E402
from pretrain.objectives import Causal, Masked  # noqa: E402
from pretrain.packing import pack, rows_from  # noqa: E402

WORDS = tokens.words([f"w{i}" for i in range(60)])
SPECIAL = WORDS.special
PAD, DOC, MASK, FIRST = SPECIAL.pad, SPECIAL.doc, SPECIAL.mask, SPECIAL.reserved
SIZE = WORDS.vocab_size

# Both sides in float64 from the same logits: only the order of the sums differs.
EXACT = dict(rel=1e-12)
# GPT-2 rounds its logits to float32 for the loss: relative errors of 2⁻²⁴ = 6e-8 each.
FLOAT32 = dict(rel=1e-6)

DOCUMENTS = [
    np.random.default_rng(n).integers(FIRST, SIZE, n).tolist() for n in (9, 3, 1, 14)
]


def padded(length: int = 12) -> Rows:
    """One document a row; the longest is cut, the others are padded."""
    return rows_from(list(pack(DOCUMENTS, SPECIAL, length, "pad")), SPECIAL)


@pytest.fixture(scope="module")
def gpt2():
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=SIZE, n_positions=32, n_embd=32, n_layer=2, n_head=2,
        initializer_range=0.3, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    return transformers.GPT2LMHeadModel(config).double().eval()


@pytest.fixture(scope="module")
def bert():
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=SIZE, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=32, initializer_range=0.3,
    )  # fmt: skip
    return transformers.BertForMaskedLM(config).double().eval()


# -- losses ---------------------------------------------------------------------------


@torch.no_grad()
def test_causal_loss_equals_gpt2s(gpt2):
    """GPT-2 takes labels=input_ids and shifts inside; ours are shifted already."""
    rows = rows_from([[DOC, *d[:8]] for d in DOCUMENTS if len(d) >= 8], SPECIAL)
    theirs = gpt2(rows.tokens, labels=rows.tokens)
    batch = Causal()(rows)
    ours = cross_entropy(theirs.logits[:, :-1], batch.targets)
    assert ours.count == batch.targets.numel()
    assert ours.mean().item() == pytest.approx(theirs.loss.item(), **FLOAT32)
    # The model run on our inputs, one token shorter, gives the same.
    again = cross_entropy(gpt2(batch.inputs).logits, batch.targets)
    assert again.mean().item() == pytest.approx(theirs.loss.item(), **FLOAT32)


@torch.no_grad()
def test_causal_loss_equals_gpt2s_with_padding(gpt2):
    """With padding, GPT-2's labels are −100 there, by hand; ours are by themselves."""
    rows = padded()
    labels = rows.tokens.masked_fill(rows.tokens == PAD, IGNORE)
    theirs = gpt2(rows.tokens, attention_mask=rows.tokens != PAD, labels=labels)
    batch = Causal()(rows)
    ours = cross_entropy(theirs.logits[:, :-1], batch.targets)
    assert ours.count < batch.targets.numel(), "some is padding"
    assert ours.mean().item() == pytest.approx(theirs.loss.item(), **FLOAT32)


@torch.no_grad()
def test_our_targets_given_to_gpt2_are_shifted_twice(gpt2):
    rows = padded()
    batch = Causal()(rows)
    theirs = gpt2(batch.inputs, labels=batch.targets)
    ours = cross_entropy(theirs.logits, batch.targets)
    assert abs(theirs.loss - ours.mean()) > 1e-3
    # transformers has a way in for labels that are shifted already.
    again = gpt2(batch.inputs, labels=batch.targets, shift_labels=batch.targets)
    assert again.loss.item() == pytest.approx(ours.mean().item(), **FLOAT32)


@pytest.mark.parametrize("rate", [0.15, 0.5])
@torch.no_grad()
def test_masked_loss_equals_berts(bert, rate):
    batch = Masked(rate)(padded(), WORDS, torch.Generator().manual_seed(1))
    attention = (batch.inputs != PAD).long()
    theirs = bert(batch.inputs, attention_mask=attention, labels=batch.targets)
    ours = cross_entropy(theirs.logits, batch.targets)
    assert 0 < ours.count < (batch.inputs >= FIRST).sum()
    assert ours.mean().item() == pytest.approx(theirs.loss.item(), **EXACT)


# -- collators ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fast():
    """Our words, with the special tokens that transformers' collators ask for."""
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=WORDS.hf, pad_token="<pad>", mask_token="<mask>",
        unk_token="<unk>", bos_token="<doc>",
    )  # fmt: skip


def shares(inputs, targets, original) -> np.ndarray:
    """Chosen of ordinary; <mask>, another token, the same token of chosen."""
    scored = targets != IGNORE
    ordinary = (original >= FIRST).sum()
    n = scored.sum()
    masked = (inputs == MASK)[scored].sum()
    changed = (inputs != original)[scored].sum() - masked
    return np.array([n / ordinary, masked / n, changed / n, (n - masked - changed) / n])


@pytest.mark.parametrize("rate", [0.1, 0.15, 0.3, 0.5])
def test_masking_has_the_statistics_of_the_collator(fast, rate):
    """Shares of 101,600 tokens, ours and theirs, within four errors of a difference.

    Theirs draws random tokens from all V, the specials included, ours from the V − 4
    ordinary ones: so a random draw repeats the original a little less often, a
    difference of 0.1 · 4/(60·64) < 0.0002, far below the sampling error.
    """
    random = np.random.default_rng(0)
    drawn = random.integers(FIRST, SIZE, (800, 127)).tolist()
    rows = rows_from([[DOC, *row, DOC] for row in drawn], SPECIAL)
    original = rows.tokens[:, :-1]
    batch = Masked(rate)(rows, WORDS, torch.Generator().manual_seed(2))
    ours = shares(batch.inputs, batch.targets, original)

    collator = transformers.DataCollatorForLanguageModeling(
        fast, mlm_probability=rate, seed=3
    )
    theirs = collator([{"input_ids": row} for row in original.tolist()])
    theirs = shares(theirs["input_ids"], theirs["labels"], original)

    chosen = rate * original.numel()
    sizes = np.array([original.numel(), chosen, chosen, chosen])
    expected = np.array([rate, 0.8, 0.1, 0.1])
    bound = 4 * np.sqrt(2 * expected * (1 - expected) / sizes)
    assert (abs(ours - theirs) < bound).all(), (ours, theirs, bound)
    assert bound.max() < 0.025, "a bound that says something"


def test_the_collator_never_scores_specials_either(fast):
    rows = padded()
    original = rows.tokens[:, :-1]
    collator = transformers.DataCollatorForLanguageModeling(
        fast, mlm_probability=0.9, seed=3
    )
    theirs = collator([{"input_ids": row} for row in original.tolist()])
    assert (original[theirs["labels"] != IGNORE] >= FIRST).all()


def test_the_collator_draws_empty_masks_where_we_do_not(fast):
    """0.85⁵ = 44 % of rows of five tokens are empty for it, within four errors."""
    row = [DOC, *range(FIRST, FIRST + 5)]
    collator = transformers.DataCollatorForLanguageModeling(
        fast, mlm_probability=0.15, seed=4
    )
    theirs = collator([{"input_ids": row}] * 2000)["labels"]
    empty = (theirs == IGNORE).all(1).double().mean().item()
    assert abs(empty - 0.85**5) < 4 * math.sqrt(0.44 * 0.56 / 2000)
    rows = rows_from([[*row, DOC]], SPECIAL)
    for seed in range(200):
        batch = Masked(0.15)(rows, WORDS, torch.Generator().manual_seed(seed))
        assert batch.scored.any()


def test_packed_positions_restart_as_in_the_flattening_collator():
    """It joins documents into one row; ours is that row, opened documents alike."""
    features = [{"input_ids": [DOC, *d]} for d in DOCUMENTS]
    collator = transformers.DataCollatorWithFlattening(return_position_ids=True)
    theirs = collator(features, return_tensors="pt")
    length = theirs["input_ids"].shape[1]
    (row,) = pack(DOCUMENTS, SPECIAL, length, "whole")
    rows = rows_from([row], SPECIAL)
    batch = Causal()(rows)
    assert torch.equal(batch.inputs, theirs["input_ids"])
    assert torch.equal(batch.positions, theirs["position_ids"])
    assert (batch.positions == 0).sum() == len(DOCUMENTS)
    # Theirs drops the first token of each document from the labels; after its shift
    # no document's last token predicts anything. Ours predicts <doc> there.
    shifted = theirs["labels"][0, 1:]
    dropped = shifted == IGNORE
    assert torch.equal(batch.targets[0, :-1][~dropped], shifted[~dropped])
    assert (batch.targets[0, :-1][dropped] == DOC).all()
