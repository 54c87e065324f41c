"""Whole-word masking against transformers' collator with ``whole_word_mask=True``.

Compared with: DataCollatorForLanguageModeling, its grouping of tokens into words by
character offsets, and its draws. Nothing is downloaded.
"""

import copy

import numpy as np
import pytest
import torch

transformers = pytest.importorskip("transformers")

from tokenizers import processors  # noqa: E402

from pretrain import tokens  # noqa: E402
from pretrain.losses import IGNORE  # noqa: E402
from pretrain.objectives import Masked  # noqa: E402
from pretrain.objectives.masked import ALL_MASK, _shared_by_word  # noqa: E402
from pretrain.packing import rows_from  # noqa: E402

TEXT = (
    "Underwater photographers photograph unphotographed waterfalls, waterproof "
    "notebooks and an extraordinarily photogenic underdog on the water's edge."
)
BPE = tokens.byte_bpe([f"{TEXT} " * 3], 300)
ROWS, RATE = 1500, 0.3


def theirs(trim: bool):
    hf = copy.deepcopy(BPE.hf)
    hf.post_processor = processors.ByteLevel(trim_offsets=trim)
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=hf, pad_token="<pad>", mask_token="<mask>",
        unk_token="<unk>", bos_token="<doc>",
    )  # fmt: skip
    encoded = fast(TEXT, return_offsets_mapping=True)
    assert encoded["input_ids"] == BPE.encode(TEXT)
    return fast, encoded["offset_mapping"]


def groups(trim: bool) -> list[int]:
    """The number of the word that each token belongs to, by the collator."""
    _, offsets = theirs(trim)
    ids, _ = transformers.DataCollatorForLanguageModeling._calc_word_ids_and_prob_mask(
        np.array([offsets]), np.zeros((1, len(offsets)), dtype=int)
    )
    return ids[0].tolist()


def ours() -> list[int]:
    row = torch.tensor([BPE.encode(TEXT)])
    places = torch.arange(row.shape[1], dtype=torch.float64)[None]
    starts = torch.tensor(BPE.is_word_start)
    everywhere = torch.ones_like(row, dtype=torch.bool)
    return _shared_by_word(places, row, everywhere, starts)[0].tolist()


def test_the_same_tokens_are_one_word():
    found, expected = ours(), groups(trim=True)
    assert len(set(expected)) == len(TEXT.split())
    same = np.equal.outer(found, found) == np.equal.outer(expected, expected)
    assert same.all()


def test_offsets_that_keep_the_blank_make_one_word_of_the_text():
    """A trap of the collator: it knows a new word by a gap between two tokens."""
    assert len(set(groups(trim=False))) == 1 < len(set(ours()))


@pytest.mark.filterwarnings("ignore:Random token replacement")
def test_words_are_chosen_as_often_and_whole():
    """Shares of 1,500 × 16 words, within four errors of a difference."""
    fast, offsets = theirs(trim=True)
    ids = BPE.encode(TEXT)
    word = np.unique(ours(), return_inverse=True)[1]  # (T,) 0 to W − 1
    words, each = word.max() + 1, np.bincount(word)
    with pytest.warns(UserWarning, match="Random token replacement"):
        collator = transformers.DataCollatorForLanguageModeling(
            fast, mlm_probability=RATE, whole_word_mask=True, seed=1
        )
    features = [
        dict(input_ids=ids, offset_mapping=offsets, special_tokens_mask=[0] * len(ids))
        for _ in range(ROWS)
    ]
    labels = np.asarray(collator(features)["labels"])
    rows = rows_from([[*ids, BPE.special.doc]] * ROWS, BPE.special)
    masked = Masked(RATE, ALL_MASK, whole_words=True)
    batch = masked(rows, BPE, torch.Generator().manual_seed(2))
    shares = []
    for scored in (labels != IGNORE, batch.scored.numpy()):
        sums = np.array([np.bincount(word, row) for row in scored])  # (B,W)
        assert ((sums == 0) | (sums == each)).all(), "a word is whole or not at all"
        shares.append((sums > 0).mean())
    bound = 4 * np.sqrt(2 * RATE * (1 - RATE) / (ROWS * words))
    assert abs(shares[0] - shares[1]) < bound < 0.02
    assert abs(shares[1] - RATE) < bound
