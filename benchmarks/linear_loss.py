"""What does a chunked output loss cost and save? Ratios to the plain one, V = 32,000.

    python benchmarks/linear_loss.py [--tokens 2048] [--width 256] [--rounds 7]

Forward and backward of the loss alone, from hidden states. Times are taken in turn, in
one process, and the ratio of each round to the plain loss is printed as a median, so
that it holds on a busy machine. Memory is the growth of the peak resident size of a
process of its own, made for each way.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time

import torch
import torch.nn.functional as F

from pretrain.linear_loss import chunked_loss, linear_cross_entropy
from pretrain.losses import cross_entropy


def plain(hidden, weight, targets):
    """All the logits at once."""
    return cross_entropy(F.linear(hidden, weight), targets)


WAYS = {
    "plain": plain,
    "linear_cross_entropy": linear_cross_entropy,
    "chunked_loss (recomputed)": chunked_loss,
}


def example(tokens: int, width: int, vocab_size: int):
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(tokens, width, generator=generator).requires_grad_()
    weight = torch.randn(vocab_size, width, generator=generator) / width**0.5
    targets = torch.randint(vocab_size, (tokens,), generator=generator)
    return hidden, weight.requires_grad_(), targets


def step(way, hidden, weight, targets) -> None:
    hidden.grad = weight.grad = None
    way(hidden, weight, targets).mean().backward()


def peak() -> float:
    """The largest resident size of this process so far, in MB."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (1e6 if sys.platform == "darwin" else 1e3)


def extra_memory(name: str, asked) -> float:
    """MB that a way adds to the peak, gradients included, in a process of its own."""
    sizes = [f"--{k}={getattr(asked, k)}" for k in ("tokens", "width", "vocabulary")]
    command = [sys.executable, __file__, "--measure", name, *sizes]
    return float(subprocess.run(command, capture_output=True, check=True).stdout)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--tokens", type=int, default=2048)
    options.add_argument("--width", type=int, default=256)
    options.add_argument("--vocabulary", type=int, default=32_000)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--measure", help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.measure:
        tensors = example(asked.tokens, asked.width, asked.vocabulary)
        way = WAYS[asked.measure]
        step(way, *example(8, asked.width, 100))  # what is loaded at the first call
        before = peak()
        step(way, *tensors)
        print(peak() - before)
        return
    # Memory first: on Linux a new process takes over the peak of the one it comes from.
    grown = {name: extra_memory(name, asked) for name in WAYS}
    tensors = example(asked.tokens, asked.width, asked.vocabulary)
    times = {name: [] for name in WAYS}
    for _ in range(asked.rounds + 1):
        for name, way in WAYS.items():
            start = time.perf_counter()
            step(way, *tensors)
            times[name].append(time.perf_counter() - start)
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"{asked.tokens} tokens, width {asked.width}, V {asked.vocabulary:,}"
    )
    for name in WAYS:
        pairs = list(zip(times[name], times["plain"], strict=True))[1:]  # warmed up
        ratio = statistics.median(a / b for a, b in pairs)
        print(
            f"{name:26s} time {ratio:.2f}×   extra memory {grown[name]:6.0f} MB, "
            f"{grown[name] / grown['plain']:.2f}×",
            flush=True,
        )


if __name__ == "__main__":
    main()
