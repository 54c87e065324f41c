"""The loss of sentence pairs is that of transformers' BertForPreTraining.

Weights drawn at random, nothing downloaded. Our objective is given BERT's own states
and heads, so that the logits are equal and only the losses are compared.
"""

import pytest
import torch

transformers = pytest.importorskip("transformers")

from pretrain.corpora.microworld import Microworld  # noqa: E402
from pretrain.objectives.pairs import Pairs  # noqa: E402
from pretrain.random import generator_for  # noqa: E402


class Ours(torch.nn.Module):
    """BERT with the methods that the objective asks of a model."""

    def __init__(self, bert) -> None:
        super().__init__()
        self.bert = bert

    def hidden(self, inputs, attention, positions, segments):
        # Our pattern as BERT's 4-dimensional mask: padding is seen by itself alone.
        mask = attention.mask(inputs.shape[1]).expand(len(inputs), -1, -1)[:, None]
        out = self.bert.bert(
            inputs, attention_mask=mask.double().log(), token_type_ids=segments,
            position_ids=positions,
        )  # fmt: skip
        return out.last_hidden_state

    def logits(self, hidden):
        return self.bert.cls.predictions(hidden)

    def pair_logits(self, hidden):
        return self.bert.cls.seq_relationship(self.bert.bert.pooler(hidden))


@pytest.mark.parametrize("kind", ["nsp", "sop"])
@torch.no_grad()
def test_loss_equals_berts(kind):
    """Label 0 is "is next". The masks differ on padding only, which nobody reads."""
    corpus, objective = Microworld(), Pairs(kind)
    piece = next(objective.read(corpus, "train", 0, rows=16, length=64))
    batch = objective(piece, corpus.tokenizer, generator_for(5))
    assert 0 < batch.labels.sum() < 16 and (batch.documents < 0).any()
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=corpus.tokenizer.vocab_size, hidden_size=32, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=64, max_position_embeddings=64,
        initializer_range=0.3,
    )  # fmt: skip
    bert = transformers.BertForPreTraining(config).double().eval()
    theirs = bert(
        batch.inputs,
        attention_mask=(batch.documents >= 0).long(),
        token_type_ids=batch.segments,
        labels=batch.targets,
        next_sentence_label=batch.labels,
    )
    ours = objective.loss(Ours(bert), batch)
    # Our weights are float32: relative errors of 2⁻²⁴ = 6e-8 each.
    mean = (ours.sum / batch.count).item()
    assert mean == pytest.approx(theirs.loss.item(), rel=1e-6)
    turned = 1 - batch.labels
    other = bert(
        batch.inputs,
        attention_mask=(batch.documents >= 0).long(),
        token_type_ids=batch.segments,
        labels=batch.targets,
        next_sentence_label=turned,
    )
    assert abs(mean - other.loss.item()) > 1e-3, "labels the other way round differ"
