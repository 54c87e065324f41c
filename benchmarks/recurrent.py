"""What does teacher forcing in parallel save? One pass against step by step.

    python benchmarks/recurrent.py [--rounds 7] [--tokens 4096]

Training steps (forward and backward) over the same number of tokens, in rows of T:

- a causal Transformer in one pass, and the same one token at a time with a cache;
- a recurrent network (GRU), which has no other way than one token at a time, in
  PyTorch's own loop.

The three are timed in turn, round by round, so that ratios hold on a busy machine; the
median of the rounds is printed. The two losses of the Transformer are checked to be
equal before anything is timed.

Measured on two CPU cores (models of 0.2M parameters, 4096 tokens a step): step by step
the Transformer takes 3 times as long at T = 32, 7 times at 128, 24 times at 512 (some
of it for copying a cache that grows). The GRU of one layer takes 0.5 to 0.7 times as
long as the Transformer of three: a CPU has few arithmetic units to keep waiting, and a
batch of rows keeps them busy. The saving is one of parallel hardware.
"""

import argparse
import statistics
import time

import torch

from pretrain.early.recurrent import RecurrentConfig, parallel_loss, sequential_loss
from pretrain.model import ModelConfig, redraw

V = 834  # Microworld's
LENGTHS = (32, 128, 512)


def seconds(loss, model, ids, clock) -> float:
    """Of one forward and backward pass over rows ids (B,T+1)."""
    model.zero_grad()
    start = clock()
    loss(model, ids[:, :-1], ids[:, 1:]).sum.backward()
    return clock() - start


def compare(length: int, tokens: int, rounds: int, device: torch.device) -> dict:
    """Median seconds a training step of each way to read the same tokens."""
    generator = torch.Generator().manual_seed(0)
    shape = (max(1, tokens // length), length + 1)
    ids = torch.randint(4, V, shape, generator=generator).to(device)
    transformer = redraw(ModelConfig(V, context=length).build()).to(device)
    gru = redraw(RecurrentConfig(V, context=length).build()).to(device)
    with torch.no_grad():
        one = parallel_loss(transformer, ids[:, :-1], ids[:, 1:]).mean()
        other = sequential_loss(transformer, ids[:, :-1], ids[:, 1:]).mean()
    # float32: both are sums of the same numbers in another order
    torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-5)

    def clock() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    ways = {
        "parallel": (parallel_loss, transformer),
        "sequential": (sequential_loss, transformer),
        "gru": (parallel_loss, gru),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, (loss, model) in ways.items():
            times[name].append(seconds(loss, model, ids, clock))
    return {name: statistics.median(values[1:]) for name, values in times.items()}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--tokens", type=int, default=4096)
    options.add_argument("--device", default="cpu")
    asked = options.parse_args()
    threads = torch.get_num_threads()
    print(f"torch {torch.__version__}, {asked.device}, {threads} threads")
    for length in LENGTHS:
        found = compare(length, asked.tokens, asked.rounds, torch.device(asked.device))
        each = {name: 1e6 * s / asked.tokens for name, s in found.items()}
        print(
            f"T {length:4d}   µs a token: Transformer in one pass "
            f"{each['parallel']:6.1f}, step by step {each['sequential']:6.1f} "
            f"({each['sequential'] / each['parallel']:.1f}×), GRU {each['gru']:6.1f} "
            f"({each['gru'] / each['parallel']:.1f}×)",
            flush=True,
        )


if __name__ == "__main__":
    main()
