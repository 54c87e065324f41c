"""Packing without leaks: a packed row costs what its documents cost alone.

Compared with: transformers' GPT2LMHeadModel, given each document by itself, and the
same documents as one row (DataCollatorWithFlattening's layout) under *our* attention
pattern and positions. Weights at random, nothing is downloaded.
"""

import numpy as np
import pytest
import torch

transformers = pytest.importorskip("transformers")

from pretrain import tokens  # noqa: E402
from pretrain.losses import cross_entropy, token_losses  # noqa: E402
from pretrain.objectives import Causal  # noqa: E402
from pretrain.packing import pack, rows_from  # noqa: E402

WORDS = tokens.words([f"w{i}" for i in range(40)])
SPECIAL, DOC = WORDS.special, WORDS.special.doc
DOCUMENTS = [
    np.random.default_rng(n).integers(4, WORDS.vocab_size, n).tolist()
    for n in (9, 3, 1, 14)
]


@pytest.fixture(scope="module")
def gpt2():
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=WORDS.vocab_size, n_positions=32, n_embd=32, n_layer=2, n_head=2,
        initializer_range=0.3, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
        attn_implementation="eager",
    )  # fmt: skip
    return transformers.GPT2LMHeadModel(config).double().eval()


def packed(objective) -> tuple:
    length = sum(len(d) + 1 for d in DOCUMENTS)
    rows = rows_from(list(pack(DOCUMENTS, SPECIAL, length, "whole")), SPECIAL)
    batch = objective(rows)
    T = batch.inputs.shape[1]
    mask = batch.attention.mask(T).expand(len(batch.inputs), T, T)[:, None]
    return batch, mask.double().log()  # 0 where seen, −∞ where not


@torch.no_grad()
def alone(gpt2) -> float:
    """Nats of all documents, each opened and closed by <doc>, one call a document."""
    total = 0.0
    for document in DOCUMENTS:
        ids = torch.tensor([[DOC, *document, DOC]])
        total += token_losses(gpt2(ids[:, :-1]).logits, ids[:, 1:]).sum().item()
    return total


@torch.no_grad()
def test_a_packed_row_costs_what_its_documents_cost(gpt2):
    batch, mask = packed(Causal())
    assert len(batch.inputs) == 1 and (batch.positions == 0).sum() == len(DOCUMENTS)
    logits = gpt2(
        batch.inputs, attention_mask=mask, position_ids=batch.positions
    ).logits
    loss = cross_entropy(logits, batch.targets)
    assert loss.count == sum(len(d) + 1 for d in DOCUMENTS)
    # Float64 on both sides; its causal mask adds −1.8e308 instead of −∞.
    assert loss.sum.item() == pytest.approx(alone(gpt2), rel=1e-10)


@torch.no_grad()
def test_across_documents_it_costs_something_else(gpt2):
    batch, mask = packed(Causal(within_documents=False))
    logits = gpt2(
        batch.inputs, attention_mask=mask, position_ids=batch.positions
    ).logits
    loss = cross_entropy(logits, batch.targets)
    assert abs(loss.sum.item() / alone(gpt2) - 1) > 1e-3
