"""Temperature, top-k and nucleus sampling against Hugging Face's logits processors."""

import pytest
import torch

from pretrain.evaluation.generation import Sampling, probabilities

transformers = pytest.importorskip("transformers")


def theirs(logits, temperature, top_k, top_p):
    from transformers import (
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

    ids = torch.zeros(len(logits), 1, dtype=torch.long)  # what was written: not used
    logits = TemperatureLogitsWarper(temperature)(ids, logits)
    if top_k:
        logits = TopKLogitsWarper(top_k)(ids, logits)
    if top_p < 1:
        logits = TopPLogitsWarper(top_p)(ids, logits)
    return logits.softmax(-1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7])
@pytest.mark.parametrize("top_k", [0, 1, 5, 40])
@pytest.mark.parametrize("top_p", [0.2, 0.9, 1.0])
def test_the_same_distribution(temperature, top_k, top_p):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(50, 40, generator=generator) * 3
    ours = probabilities(logits, Sampling(temperature, top_k, top_p))
    # float32 softmax, normalized in another order
    torch.testing.assert_close(
        ours, theirs(logits, temperature, top_k, top_p), atol=1e-6, rtol=1e-5
    )


def test_ties_at_the_edge_of_top_k_are_all_kept_as_there():
    logits = torch.tensor([[3.0, 1.0, 1.0, 0.0]])
    ours = probabilities(logits, Sampling(top_k=2))
    assert torch.equal(ours > 0, theirs(logits, 1.0, 2, 1.0) > 0)
    assert (ours > 0).sum() == 3
