"""AdamW as PyTorch has it, without PyTorch's compiler in every process that trains."""

import subprocess
import sys

import torch

from pretrain.optim import AdamW

TRAIN = """
import sys
from pretrain.corpora.markov import weather
from pretrain.model import ModelConfig
from pretrain.objectives import Causal
from pretrain.training import Budget, fit

corpus = weather()
config = ModelConfig(corpus.tokenizer.vocab_size, 16, depth=1, heads=2)
plan = Budget(tokens=2 * 2 * 16, rows=2, length=16, evaluations=1, held_out=2)
fit(config, Causal(), corpus, plan, device="cpu", run_dir=sys.argv[1])
print("torch._dynamo" in sys.modules)
"""


def test_a_training_does_without_the_compiler(tmp_path):
    """It takes longer to import than a short run takes to train."""
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, tmp_path], capture_output=True, text=True
    )
    assert done.stdout.strip() == "False", done.stderr


def test_adamw_is_pytorchs_bit_for_bit():
    made = []
    for kind in (AdamW, torch.optim.AdamW):
        g = torch.Generator().manual_seed(0)
        weight = torch.nn.Parameter(torch.randn(6, 5, generator=g))
        optimizer = kind([weight], lr=0.1, betas=(0.9, 0.95), fused=True)
        for _ in range(4):
            weight.grad = torch.randn(6, 5, generator=g)
            optimizer.step()
        made.append((weight.detach(), optimizer.state_dict()["state"][0]))
    (ours, state), (theirs, wanted) = made
    assert torch.equal(ours, theirs)
    assert state.keys() == wanted.keys()
    assert all(torch.equal(state[name], wanted[name]) for name in state)
