"""Training FLOPs from sizes, against PyTorch's own counter of matrix products."""

import pytest
from torch.utils.flop_counter import FlopCounterMode

from pretrain.corpora.markov import weather
from pretrain.electra import ElectraConfig
from pretrain.experiments.compute import flops
from pretrain.model import ModelConfig
from pretrain.objectives import Causal, Masked
from pretrain.objectives.masked import ALL_MASK
from pretrain.objectives.replaced import VARIANTS, Replaced
from pretrain.random import generator_for

MODEL = ModelConfig(
    weather().tokenizer.vocab_size, width=32, depth=2, heads=2, context=64
)
MASKED = Masked(0.15, ALL_MASK, exact=True)
PLANS = [
    ("causal", MODEL, Causal()),
    ("masked", MODEL, MASKED),
    *((v, ElectraConfig(MODEL), Replaced(MASKED, v)) for v in VARIANTS),
]


@pytest.mark.parametrize("name, config, objective", PLANS, ids=[p[0] for p in PLANS])
def test_flops_are_those_that_pytorch_counts(name, config, objective):
    """Within 10 %: attention's own products are left out by the formula, as it says,
    and are 2·T·D multiply-adds a position and layer of 12·D² (rows of 16, so 8 %)."""
    corpus = weather()
    rows = next(objective.read(corpus, "train", 0, rows=4, length=16))
    batch = objective(rows, corpus.tokenizer, generator_for(0, 0))
    model = config.build(0)
    with FlopCounterMode(display=False) as counter:
        objective.loss(model, batch).sum.backward()
    positions = batch.inputs.numel()
    scored = float(batch.scored.sum()) / positions
    expected = flops(config, objective, scored)
    assert counter.get_total_flops() / positions == pytest.approx(expected, rel=0.1)
