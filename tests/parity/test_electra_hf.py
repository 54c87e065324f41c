"""The discriminator's loss is that of transformers' ElectraForPreTraining.

Its generator's is that of ElectraForMaskedLM. Weights drawn at random, nothing is
downloaded; our objective is given their networks, so that only the losses are compared.
"""

import numpy as np
import pytest
import torch

transformers = pytest.importorskip("transformers")

from pretrain import tokens  # noqa: E402
from pretrain.objectives.replaced import Replaced  # noqa: E402
from pretrain.packing import pack, rows_from  # noqa: E402
from pretrain.random import generator_for  # noqa: E402

WORDS = tokens.words([f"w{i}" for i in range(60)])
SPECIAL, SIZE = WORDS.special, WORDS.vocab_size


class Theirs(torch.nn.Module):
    """Both of their networks, with the methods that the objective asks of a model."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        config = transformers.ElectraConfig(
            vocab_size=SIZE, embedding_size=16, hidden_size=32, num_hidden_layers=2,
            num_attention_heads=2, intermediate_size=64, max_position_embeddings=32,
            initializer_range=0.3,
        )  # fmt: skip
        self.small = transformers.ElectraForMaskedLM(config).double().eval()
        self.large = transformers.ElectraForPreTraining(config).double().eval()

    def generate_hidden(self, inputs, attention, positions):
        mask = (inputs != SPECIAL.pad).long()
        return self.small(inputs, attention_mask=mask).logits

    def generate_logits(self, hidden):
        return hidden

    def hidden(self, inputs, attention, positions):
        mask = (inputs != SPECIAL.pad).long()
        return self.large.electra(inputs, attention_mask=mask).last_hidden_state

    def replaced_logits(self, hidden):
        return self.large.discriminator_predictions(hidden)


@torch.no_grad()
def test_both_losses_equal_theirs():
    random = np.random.default_rng(0)
    documents = [random.integers(4, SIZE, n).tolist() for n in (11, 5, 9, 3, 11, 7)]
    rows = rows_from(list(pack(documents, SPECIAL, 12, "pad")), SPECIAL)
    objective, model = Replaced(), Theirs()
    batch = objective(rows, WORDS, generator_for(1))
    loss = objective.loss(model, batch)
    _, corrupted = objective.generate(model, batch)
    mask = (batch.documents >= 0).long()
    assert 0 < (corrupted != batch.originals).sum() and not mask.all()
    masked = model.small(batch.inputs, attention_mask=mask, labels=batch.targets).loss
    labels = (corrupted != batch.originals).long()
    detected = model.large(corrupted, attention_mask=mask, labels=labels).loss
    parts = loss.parts
    # Both sides in float64 from the same logits: only the order of the sums differs.
    assert parts["generator"].mean().item() == pytest.approx(masked.item(), rel=1e-12)
    # Theirs is float32 from here on, and so are our weights: 2⁻²⁴ = 6e-8 each.
    mean = parts["discriminator"].mean().item()
    assert mean == pytest.approx(detected.item(), rel=1e-6)
    both = (loss.sum / batch.count).item()
    assert both == pytest.approx((masked + 50 * detected).item(), rel=1e-6)
