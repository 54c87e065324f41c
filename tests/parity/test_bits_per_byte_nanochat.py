"""Bits per byte against the formula of nanochat's ``evaluate_bpb``.

Compared with: the three rules of that function, written out below. Nats and bytes are
summed separately over all targets; a token that stands for no byte (a special one)
counts in neither; the one division is at the end, by ln 2 · bytes.
"""

import math

import numpy as np
import pytest
import torch

from pretrain import tokens
from pretrain.corpora.document import Document
from pretrain.evaluation.information import Rates
from pretrain.losses import IGNORE, token_losses
from pretrain.model import ModelConfig, Transformer, redraw
from pretrain.objectives import Causal
from pretrain.packing import pack, rows_from

TEXTS = ["A naïve café, 12 € a cup.", "Two.", "日本語 and English.", "x"]
BPE = tokens.byte_bpe(TEXTS * 3, 290)
# Both sides add the same float64 numbers in another order.
SAME = dict(rel=1e-12)


def nanochat(nats: torch.Tensor, targets: torch.Tensor, token_bytes) -> float:
    """nats and targets (B,T), token_bytes (V,); targets below 0 are not scored."""
    token_bytes = torch.tensor(token_bytes)
    valid = targets >= 0
    sizes = torch.where(valid, token_bytes[targets.clamp(min=0)], 0)
    total_nats = (nats * (sizes > 0)).sum().item()
    return total_nats / (math.log(2) * sizes.sum().item())


@pytest.fixture(scope="module")
def scored():
    """Each document in a padded row of its own, and the nats of its tokens."""
    ids = [BPE.encode(text) for text in TEXTS]
    documents = [Document(tuple(i), t) for i, t in zip(ids, TEXTS, strict=True)]
    length = max(map(len, ids)) + 1
    rows = rows_from(list(pack(ids, BPE.special, length, "pad")), BPE.special)
    batch = Causal()(rows)
    config = ModelConfig(BPE.vocab_size, width=16, depth=1, heads=2)
    model = redraw(Transformer(config), 1).double().eval()
    with torch.no_grad():
        logits = model(batch.inputs, batch.attention, batch.positions)
    nats = token_losses(logits, batch.targets)
    return documents, nats, batch.targets


def test_the_tokens_bytes_are_the_texts(scored):
    documents, _, targets = scored
    counted = BPE.token_bytes[targets[targets != IGNORE].numpy()].sum()
    assert counted == sum(len(text.encode()) for text in TEXTS)
    assert counted == sum(d.bytes for d in documents) > sum(map(len, TEXTS))
    assert not BPE.token_bytes[list(BPE.special.ids)].any()


def test_bits_per_byte(scored):
    documents, nats, targets = scored
    each = [
        row[target != IGNORE].numpy() for row, target in zip(nats, targets, strict=True)
    ]
    theirs = nanochat(nats, targets, BPE.token_bytes)
    ours = Rates.of(each, documents, closing=False)
    assert ours.bits_per_byte == pytest.approx(theirs, **SAME)
    # With the closing <doc> the nats are more and the bytes are not.
    more = Rates.of(each, documents, closing=True).bits_per_byte
    assert more > theirs * 1.01


def test_a_mean_of_means_is_another_number(scored):
    documents, nats, targets = scored
    theirs = nanochat(nats, targets, BPE.token_bytes)
    rows = [
        nanochat(nats[i : i + 1], targets[i : i + 1], BPE.token_bytes)
        for i in range(len(documents))
    ]
    assert abs(np.mean(rows) / theirs - 1) > 0.01
